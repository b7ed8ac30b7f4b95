"""An SQLite database that another process has locked: each caller waits once, the log is brief."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state import lock_wait
from orchestrator_core.state.database import Database

WAIT = 1.5
SLACK = 1.5
CALLERS = 12


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(lock_wait, "LOCK_SECONDS", WAIT)
    made = Database("sqlite:///state.db", tmp_path)
    made.write_now(lambda c: c.execute(text("CREATE TABLE one (id INTEGER)")))
    yield made
    made.close()


def write(database: Database) -> None:
    database.write_now(lambda c: c.execute(text("INSERT INTO one VALUES (1)")))


def count(database: Database) -> int:
    return int(
        database.read_now(lambda c: c.execute(text("SELECT count(*) FROM one")).scalar_one())
    )


@contextmanager
def locked(database: Database, *, exclusive: bool = False) -> Iterator[None]:
    """Hold the lock that every writer needs; with ``exclusive`` also that of every reader."""
    holder = sqlite3.connect(str(database.url.database), isolation_level=None)
    try:
        if exclusive:
            holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("INSERT INTO one VALUES (2)")
        yield
        holder.execute("ROLLBACK")
    finally:
        holder.close()


def seconds_until_refused(work: Callable[[Database], Any], database: Database) -> float:
    began = time.monotonic()
    with pytest.raises(StateUnavailable) as refused:
        work(database)
    assert "has been locked by another process" in refused.value.reason
    assert str(database.url.database) in refused.value.reason
    return time.monotonic() - began


def test_many_callers_wait_for_a_lock_at_the_same_time(database: Database) -> None:
    """One after the other, each would wait for the whole time."""
    with capture_logs() as logs:
        with locked(database), ThreadPoolExecutor(CALLERS) as threads:
            waits = [threads.submit(seconds_until_refused, write, database) for _ in range(CALLERS)]
            assert max(wait.result() for wait in waits) < WAIT + SLACK
            assert count(database) == 0  # Reads succeed, which does not end the outage of writers.
        write(database)
    begin, end = logs
    assert (begin["event"], begin["failures"]) == ("database failed", 1)
    assert (end["event"], end["failures"]) == ("database is back", CALLERS)
    assert end["seconds"] < WAIT + SLACK
    assert count(database) == 1


def test_a_lock_that_is_let_go_in_time_is_no_outage(database: Database) -> None:
    with capture_logs() as logs, ThreadPoolExecutor(CALLERS) as threads:
        with locked(database):
            written = [threads.submit(write, database) for _ in range(CALLERS)]
            time.sleep(WAIT / 3)
        for one in written:
            one.result()
    assert logs == []
    assert count(database) == CALLERS


@pytest.mark.anyio
async def test_readers_wait_no_longer_than_writers(tmp_path: Path, database: Database) -> None:
    database.close()
    query = text("SELECT count(*) FROM one")
    with locked(database, exclusive=True):
        other = Database("sqlite:///state.db", tmp_path)
        began = time.monotonic()
        reads = [other.read(lambda c: c.execute(query).scalar_one()) for _ in range(CALLERS)]
        errors = await asyncio.gather(*reads, return_exceptions=True)
        assert time.monotonic() - began < WAIT + SLACK
        assert {type(error) for error in errors} == {StateUnavailable}
        other.close()
