"""The locks of a process on its SQLite file, which closing any descriptor of that file releases.

SQLite deletes the log of a database when its last connection is closed. A process without its
locks does not count: it writes on into a deleted log, and its rows are lost.
https://www.sqlite.org/howtocorrupt.html, "POSIX advisory locks canceled"
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state.database import Database

OTHER = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as connection:
    print(connection.execute("SELECT count(*) FROM one").fetchone()[0])
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/state.db", tmp_path)
    database.write_now(lambda c: c.execute(text("CREATE TABLE one (id INTEGER)")))
    yield database
    database.close()


def rows_for_others(database: Database) -> int:
    """Return the rows that another process sees, which opens and closes the database."""
    ran = subprocess.run(
        [sys.executable, "-c", OTHER, database.shown], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


def fail_a_write(database: Database) -> None:
    def work(_connection: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with pytest.raises(StateUnavailable):
        database.write_now(work)


def read_version(database: Database) -> None:
    database.version  # noqa: B018 - a property that reads
    fail_a_write(database)
    database.version  # noqa: B018


@pytest.mark.parametrize("way", [fail_a_write, read_version], ids=lambda way: way.__name__)
def test_an_explained_failure_keeps_them(
    database: Database, way: Callable[[Database], None]
) -> None:
    way(database)
    assert rows_for_others(database) == 0
    database.write_now(lambda c: c.execute(text("INSERT INTO one VALUES (1)")))
    assert rows_for_others(database) == 1
    assert Path(f"{database.shown}-wal").exists()
