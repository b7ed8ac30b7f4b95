"""Commands for a missing or invalid database: one sentence, and no file is created."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_core.state import schema
from tests.cli.conftest import Run
from tests.commands import IS_MEASURED
from tests.stateful import settings

COMMANDS = (
    ("db", "restored"),
    ("db", "restored", "--confirm"),
    ("operations", "list"),
    ("protect", "fake_driver", "1"),
    ("freeze",),
)


def empty(folder: Path) -> str:
    file = folder / "var" / "state.db"
    return (
        f"orchestrator: there is no database in {file}; if there was one, restore it; if not, "
        "run: orchestrator db upgrade\n"
    )


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "orchestrator.toml"
    file.write_text(settings('url = "sqlite:///var/state.db"'))
    return str(file)


@pytest.mark.parametrize("command", [*COMMANDS, ("db", "check")], ids=" ".join)
def test_a_database_that_is_not_there_is_not_made(
    run: Run, config: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    said = run(*command, ORCHESTRATOR_CONFIG=config)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", empty(tmp_path))
    assert not (tmp_path / "var").exists()


def test_telling_its_schema_does_not_make_it_either(run: Run, config: str, tmp_path: Path) -> None:
    said = run("db", "current", ORCHESTRATOR_CONFIG=config)
    assert (said.returncode, said.stdout.split(";")[0]) == (0, "schema none")
    assert not (tmp_path / "var").exists()


def test_an_empty_file_stays_empty(run: Run, config: str, tmp_path: Path) -> None:
    file = tmp_path / "var" / "state.db"
    file.parent.mkdir()
    file.touch()
    said = run("operations", "list", ORCHESTRATOR_CONFIG=config)
    assert (said.returncode, said.stderr) == (1, empty(tmp_path))
    assert (file.stat().st_size, list(file.parent.iterdir())) == (0, [file])
    upgraded = run("db", "upgrade", ORCHESTRATOR_CONFIG=config)
    assert (upgraded.returncode, upgraded.stdout) == (
        0,
        f"Upgraded from schema none to {schema.SCHEMA}: {file}\n",
    )
    assert run("operations", "list", ORCHESTRATOR_CONFIG=config).returncode == 0


@pytest.mark.parametrize(
    "command",
    [("db", "restored"), ("operations", "list"), ("db", "upgrade"), ("check",), ("worker",)],
    ids=" ".join,
)
def test_what_is_no_database_is_left_alone(
    run: Run, config: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "var" / "state.db"
    file.parent.mkdir()
    file.write_text("a letter")
    # In a shared folder a worker would tell of what killed servers of other tests have left.
    said = run(*command, ORCHESTRATOR_CONFIG=config, TMPDIR=str(tmp_path))
    assert said.returncode == 1
    why = f"[state] url: {file} is not an SQLite database; name another file\n"
    assert said.stderr == f"orchestrator: {config}: {why}"
    assert file.read_text() == "a letter"


@pytest.mark.parametrize(
    ("command", "changed"),
    [
        ("check", (17, 7)),
        ("check", (18, 9)),
        ("serve", (22, 0)),
        ("worker", (47, 99)),
        ("freeze", (59, 200)),
    ],
)
def test_a_damaged_header_is_told_by_every_command(
    run: Run, config: str, tmp_path: Path, command: str, changed: tuple[int, int]
) -> None:
    file = tmp_path / "var" / "state.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE one (id INTEGER)")
    data = bytearray(file.read_bytes())
    data[changed[0]] = changed[1]
    file.write_bytes(data)
    said = run(command, ORCHESTRATOR_CONFIG=config)
    assert said.returncode != 0
    assert "Traceback" not in said.stderr
    assert f"[state] url: {file} is damaged at its beginning: stop the servers, " in said.stderr
    assert file.read_bytes() == bytes(data)


@pytest.mark.parametrize("command", [("operations", "list", "--json"), ("freeze",)], ids=" ".join)
def test_a_damaged_database_is_told_without_a_traceback(
    run: Run, config: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert run("db", "upgrade", ORCHESTRATOR_CONFIG=config).returncode == 0
    file = tmp_path / "var" / "state.db"
    file.write_bytes(file.read_bytes()[:100] + b"x" * 100_000)
    said = run(*command, ORCHESTRATOR_CONFIG=config)
    assert (said.returncode, said.stdout) == (1, "")
    assert "Traceback" not in said.stderr
    (told,) = said.stderr.splitlines()
    assert told.startswith(f"orchestrator: {file} is damaged: stop the servers, ")


@pytest.mark.parametrize("command", [("db", "upgrade"), ("serve",), ("worker",)], ids=" ".join)
def test_what_is_left_of_a_database_is_not_deleted(
    run: Run, config: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """SQLite would delete it: it ignores a log without its database."""
    log = tmp_path / "var" / "state.db-wal"
    log.parent.mkdir()
    log.write_bytes(b"everything that was assigned")
    said = run(*command, ORCHESTRATOR_CONFIG=config)
    assert said.returncode != 0
    assert "state.db is missing, but" in said.stderr
    assert log.read_bytes() == b"everything that was assigned"
    assert list(log.parent.iterdir()) == [log]


def test_that_no_settings_file_was_named_is_told(run: Run) -> None:
    said = run("operations", "list")
    assert said.returncode == 1
    assert "no settings file is named; use --config or ORCHESTRATOR_CONFIG" in said.stderr
    assert "ORCHESTRATOR_CONFIG" in run("operations", "list", "--help").stdout


@pytest.mark.skipif(IS_MEASURED, reason="coverage.py needs larger files itself")
@pytest.mark.parametrize(
    "command", [("operations", "list"), ("freeze",), ("db", "check")], ids=" ".join
)
def test_a_file_that_cannot_grow_is_told_in_one_sentence(
    run: Run, config: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """The limit of file sizes stands for a full disk, which a test would have to mount."""
    assert run("db", "upgrade", ORCHESTRATOR_CONFIG=config).returncode == 0
    file = tmp_path / "var" / "state.db"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    said = subprocess.run(
        [sys.executable, "-m", "orchestrator_core.cli", *command, "--config", config],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        timeout=60,
    )
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    (told,) = said.stderr.splitlines()
    assert told.startswith(f"orchestrator: {file} cannot be read or written: check the free space")
