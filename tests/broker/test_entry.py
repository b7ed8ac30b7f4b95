"""The registration of a process in its database, in time and late."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, func, select

from orchestrator_core.broker.process import entry as entries
from orchestrator_core.broker.process.entry import Entry
from orchestrator_core.broker.process.process import Process
from orchestrator_core.errors import SettingsError, StateUnavailable
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import TableFault
from orchestrator_core.state.tables import processes
from orchestrator_core.state.upgrade import upgrade
from tests.databases import MakeUrl
from tests.storm import wait_until

AMPLE = 60.0
"""Seconds in which a check that succeeds at once has ended on a busy machine too."""


class Away:
    """A database that is away until the test brings it back.

    Args:
        url: a database that is always reachable.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url, Path())
        upgrade(self.database)
        self.process = Process(self.database, "web", 30.0)
        self.is_back = Event()
        self.error: Exception | None = None
        self.rows: list[int] = []

    def check(self) -> Sequence[TableFault]:
        """Check as a process does; record the number of rows before its own."""
        if not self.is_back.is_set():
            raise StateUnavailable
        if self.error is not None:
            raise self.error
        self.rows.append(self.database.read_now(count))
        return ()

    def entry(self, *, may_be_late: bool = True) -> Entry:
        return Entry(self.database, self.process, self.check, may_be_late=may_be_late)


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(processes)).scalar_one()


@pytest.fixture
def away(sqlite: MakeUrl, monkeypatch: pytest.MonkeyPatch) -> Away:
    monkeypatch.setattr(entries, "_PATIENCE", 0.2)
    monkeypatch.setattr(entries, "_RETRY_DELAY", 0.02)
    return Away(sqlite())


def test_a_late_process_uses_nothing_before_it_has_a_row(away: Away) -> None:
    entry = away.entry()
    entry.check()
    entry.enter()
    assert entry.is_late
    for use in (away.database.read_now, away.database.write_now):
        with pytest.raises(StateUnavailable):
            use(count)
    with pytest.raises(StateUnavailable):
        away.process.check_lease()
    away.is_back.set()
    wait_until(lambda: not entry.is_late, 10)
    assert away.rows == [0]
    assert away.database.read_now(count) == 1
    away.process.check_lease()
    assert not entry.give_up()
    away.process.stop()
    away.database.close()


def test_a_process_in_time_has_the_database_between_its_checks_and_its_row(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_PATIENCE", AMPLE)
    away.is_back.set()
    entry = away.entry()
    entry.check()
    assert away.database.read_now(count) == 0
    entry.enter()
    assert away.database.read_now(count) == 1
    away.process.stop()
    away.database.close()


def test_one_that_may_not_be_late_is_told(away: Away) -> None:
    with pytest.raises(StateUnavailable):
        away.entry(may_be_late=False).check()
    away.database.close()


def test_an_error_in_time_is_raised(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_PATIENCE", AMPLE)
    away.is_back.set()
    away.error = SettingsError("another database")
    with pytest.raises(SettingsError):
        away.entry().check()
    away.database.close()


def test_an_error_of_a_late_process_ends_it(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Event()
    monkeypatch.setattr(
        "os.kill", lambda _pid, number: ended.set() if number == signal.SIGTERM else None
    )
    entry = away.entry()
    entry.check()
    entry.enter()
    away.error = SettingsError("another database")
    away.is_back.set()
    assert ended.wait(10)
    assert entry.give_up()
    with pytest.raises(StateUnavailable):
        away.database.read_now(count)
    away.database.close()


def test_a_late_process_that_ends_enters_no_row(away: Away) -> None:
    entry = away.entry()
    entry.check()
    entry.enter()
    assert entry.give_up()
    away.is_back.set()
    away.database.open_to_all()
    assert away.database.read_now(count) == 0
    away.database.close()
