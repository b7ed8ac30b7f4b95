"""The version of an SQLite file, which changes with the commits of any process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator_core.state.database import Database

WRITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("INSERT INTO t VALUES (2)")
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = Database(f"sqlite:///{tmp_path}/state.db", tmp_path)
    one.write_now(lambda c: c.execute(text("CREATE TABLE t (n INTEGER)")))
    yield one
    one.close()


def test_each_commit_changes_it(database: Database, tmp_path: Path) -> None:
    seen = [database.version]
    assert seen[0] is not None
    assert database.version == seen[0]
    database.write_now(lambda c: c.execute(text("INSERT INTO t VALUES (1)")))
    seen.append(database.version)
    command = [sys.executable, "-c", WRITE, str(tmp_path / "state.db")]
    subprocess.run(command, check=True, timeout=60)
    seen.append(database.version)
    database.checkpoint()
    assert len(set(seen)) == 3
    count = database.read_now(lambda c: c.execute(text("SELECT count(*) FROM t")).scalar_one())
    assert count == 2
    database.close()


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/none.db", tmp_path)
    assert database.version is None
    assert not (tmp_path / "none.db").exists()
    database.close()
