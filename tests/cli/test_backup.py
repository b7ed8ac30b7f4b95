"""``orchestrator db backup``: a complete copy, while a server writes."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests.cli.conftest import Run
from tests.conftest import Serve
from tests.databases import MakeUrl
from tests.stateful import Api, settings


def test_a_backup_is_whole_and_one_file(run: Run, serve: Serve, tmp_path: Path) -> None:
    store = f'store = "file:{tmp_path}/cloud.db"'
    api = Api(serve(settings('url = "sqlite:///state.db"', store)))
    environment = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml")}
    with api.http:
        node = api.started()
        assignment = api.assign(node, "ada").json()["assignment"]
        said = run("db", "backup", "copies/one.db", **environment)
        assert (said.returncode, said.stdout) == (1, "")
        assert "copies/one.db cannot be made: No such file or directory" in said.stderr
        assert run("db", "backup", "one.db", **environment).returncode == 0
        again = run("db", "backup", "one.db", **environment)
        assert "one.db cannot be made: File exists" in again.stderr
    api.server.stop()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    assert [file.name for file in tmp_path.glob("one.db*")] == ["one.db"]
    shutil.copy(tmp_path / "one.db", tmp_path / "state.db")
    assert "orchestrator db restored" in run("db", "restored", **environment).stdout
    api = Api(serve(settings('url = "sqlite:///state.db"', store)))
    with api.http:
        assert api.assignment(assignment)["user"] == "ada"


def test_a_small_database_stands_in_its_file_and_not_in_its_log_alone(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "orchestrator.toml").write_text(settings('url = "sqlite:///state.db"'))
    environment = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml")}
    holding = Database("sqlite:///state.db", tmp_path)
    upgrade(holding)
    holding.checkpoint()
    itself = run("db", "check", **environment).stdout
    shutil.copy(tmp_path / "state.db", tmp_path / "copy.db")
    holding.close()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    shutil.copy(tmp_path / "copy.db", tmp_path / "state.db")
    assert run("db", "check", **environment).stdout.startswith(itself.strip())


def test_half_a_backup_is_not_left_behind(run: Run, tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text(settings('url = "sqlite:///state.db"'))
    environment = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml")}
    assert run("db", "upgrade", **environment).returncode == 0
    assert (tmp_path / "state.db").stat().st_size > 64 * 1024
    with small_files(64 * 1024):
        said = run("db", "backup", "one.db", **environment)
    assert (said.returncode, said.stdout) == (1, "")
    assert "one.db cannot be written" in said.stderr
    assert "Traceback" not in said.stderr
    assert list(tmp_path.glob("one.db*")) == []


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """Limit the size of files that child processes write, as if a disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_postgresql_has_a_command_of_its_own(run: Run, tmp_path: Path, postgres: MakeUrl) -> None:
    url = postgres()
    (tmp_path / "orchestrator.toml").write_text(settings(f'url = "{url}"'))
    environment = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml")}
    assert run("db", "upgrade", **environment).returncode == 0
    said = run("db", "backup", "one.dump", **environment)
    assert (said.returncode, "pg_dump" in said.stderr) == (1, True)
