"""The record of the last backup, and what the doctor says of its age."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, text, update

from orchestrator_core.cli.doctor import database as examination
from orchestrator_core.state import damage, last_backup, schema
from orchestrator_core.state.database import Database
from orchestrator_core.state.last_backup import Backups
from orchestrator_core.state.tables import installation
from orchestrator_core.state.upgrade import upgrade
from tests.cli.conftest import Run
from tests.cli.examined import names
from tests.stateful import settings

DAY: Final = 86_400.0


def known(age: float | None, database_age: float = 30.0, archived: float | None = None) -> Backups:
    """Return what a database knows of its backups; times in days."""
    return Backups(
        None if age is None else age * DAY,
        "/backups/one.db",
        "here",
        database_age * DAY,
        None if archived is None else archived * DAY,
    )


@pytest.mark.parametrize(
    ("backups", "found"),
    [
        (known(None), "was never backed up by this program, in the 30 days since it was made"),
        (known(None, database_age=0.5), ""),
        (known(6.9), ""),
        (known(8), "The last backup is 8 days old: /backups/one.db on here."),
        (known(None, archived=0.1), ""),
        (known(8, archived=9), "The last backup is 8 days old"),
    ],
)
def test_a_backup_that_is_old_or_missing(backups: Backups, found: str) -> None:
    judged = list(examination.backups(backups, " --config x.toml"))
    assert names(judged) == (["backup_old warning"] if found else [])
    assert all(found in one.detail for one in judged)
    assert all("orchestrator db backup --config x.toml FILE" in one.remedy for one in judged)


@pytest.fixture
def opened(database_url: str) -> Iterator[Database]:
    database = Database(database_url, Path())
    upgrade(database)
    yield database
    database.close()


def test_only_the_last_one_is_kept(opened: Database) -> None:
    opened.write_now(lambda c: c.execute(update(installation).values(created_at=1.0)))
    found = opened.read_now(last_backup.read)
    assert found is not None
    assert (found.age, found.archived) == (None, None)
    assert found.database_age > DAY
    for name in ("one.db", "two.db"):
        assert opened.write_now(partial(last_backup.record, target=Path(name)))
    found = opened.read_now(last_backup.read)
    assert found is not None
    assert found.age is not None
    assert 0 <= found.age < 60
    assert found.target == str(Path.cwd() / "two.db")


@pytest.fixture
def variables(run: Run, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "orchestrator.toml").write_text(settings('url = "sqlite:///state.db"'))
    variables = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml")}
    assert run("db", "upgrade", **variables).returncode == 0
    return variables


def execute(tmp_path: Path, *statements: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection, connection:
        return [row for one in statements for row in connection.execute(one).fetchall()]


def test_the_command_records_it(run: Run, tmp_path: Path, variables: dict[str, str]) -> None:
    execute(tmp_path, "UPDATE installation SET created_at = 1")
    told = run("doctor", "database", **variables)
    assert (told.returncode, "was never backed up by this program" in told.stdout) == (0, True)
    said = run("db", "backup", "one.db", **variables)
    assert (said.returncode, said.stderr) == (0, "")
    assert execute(tmp_path, "SELECT target, host FROM last_backup") == [
        (str(tmp_path / "one.db"), os.uname().nodename)
    ]
    assert "0 problems, 0 warnings" in run("doctor", "database", **variables).stdout
    execute(tmp_path, "UPDATE last_backup SET made_at = made_at - 10 * 86400.0")
    assert "The last backup is 10 days old: " in run("doctor", "database", **variables).stdout


BEFORE: Final = ("DROP TABLE last_backup", "UPDATE alembic_version SET version_num = '0004'")


def test_a_schema_without_a_place_for_it(
    run: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    """The schema of 0.1.0 works until it is upgraded; the backup is one all the same."""
    execute(tmp_path, *BEFORE)
    said = run("db", "backup", "one.db", **variables)
    assert said.returncode == 0
    assert said.stderr == (
        "orchestrator: the backup is not recorded: the schema is too old; run: orchestrator db "
        "upgrade\n"
    )
    assert "one.db is a complete backup" in said.stdout
    assert damage.find(tmp_path / "state.db") == ""
    told = run("doctor", "database", **variables)
    assert f"has schema 4, and this version was written for {schema.SCHEMA}" in told.stdout
    assert run("db", "upgrade", **variables).returncode == 0
    assert run("db", "backup", "two.db", **variables).stderr == ""


def _execute(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


def test_an_older_schema_is_read_as_it_is(opened: Database) -> None:
    for statement in BEFORE:
        opened.write_now(partial(_execute, statement=statement))
    assert opened.read_now(last_backup.read) is None
    assert not opened.write_now(lambda c: last_backup.record(c, Path("one.db")))
