"""A plugin's database access: transactions of its own, without harm to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from orchestrator_core import PluginError, State, StateUnavailable
from orchestrator_core.state.database import Database
from orchestrator_core.state.plugin_state import PluginState

NUMBERS = Table(
    "extension_x__numbers",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Double),
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, Path())
    database.write_now(NUMBERS.create)
    yield database
    database.close()


@pytest.fixture
def state(database: Database) -> State:
    return PluginState(database)


def put(number: int, state: State) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(insert(NUMBERS).values(number=number, at=state.now))
        return number

    return work


def numbers(connection: Connection) -> list[int]:
    return list(connection.scalars(select(NUMBERS.c.number).order_by(NUMBERS.c.number)))


def test_what_is_written_is_read(state: State) -> None:
    assert state.write(put(7, state)) == 7
    assert state.read(numbers) == [7]


def test_the_clock_is_the_database_s(state: State) -> None:
    state.write(put(1, state))
    query = select(state.now, NUMBERS.c.at)
    now, at = state.read(lambda connection: tuple(connection.execute(query).one()))
    assert at <= now <= at + 60
    assert abs(now - time.time()) < 60  # Both are on one machine here.


def test_what_fails_leaves_nothing_and_its_error_comes_back(state: State) -> None:
    def twice(connection: Connection) -> None:
        put(2, state)(connection)
        put(1, state)(connection)

    state.write(put(1, state))
    with pytest.raises(IntegrityError):
        state.write(twice)
    assert state.read(numbers) == [1]


def test_a_savepoint_may_be_undone(state: State) -> None:
    def work(connection: Connection) -> None:
        put(1, state)(connection)
        inner = connection.begin_nested()
        put(2, state)(connection)
        inner.rollback()

    state.write(work)
    assert state.read(numbers) == [1]


def commits(connection: Connection) -> None:
    connection.commit()


def rolls_back(connection: Connection) -> None:
    connection.rollback()


def closes(connection: Connection) -> None:
    connection.close()


def leaves(_: Connection) -> None:
    raise SystemExit


@pytest.mark.parametrize("bad", [commits, rolls_back, closes, leaves])
def test_ending_the_transaction_harms_no_other_work_in_it(
    database: Database, state: State, bad: Callable[[Connection], None]
) -> None:
    """Works that wait at the same time share one transaction."""
    free = threading.Event()

    def holds_up(_: Connection) -> int:
        free.wait(10)
        return 0

    def misbehaves(connection: Connection) -> None:
        put(100, state)(connection)
        bad(connection)

    with ThreadPoolExecutor(24) as threads:
        held = [threads.submit(database.write_now, holds_up) for _ in range(3)]
        good = [threads.submit(state.write, put(number, state)) for number in range(8)]
        wrong = [threads.submit(state.write, misbehaves) for _ in range(3)]
        more = [threads.submit(database.write_now, put(number, state)) for number in range(8, 16)]
        time.sleep(0.1)
        free.set()
        assert [one.result(10) for one in [*good, *more]] == list(range(16))
        assert [one.result(10) for one in held] == [0, 0, 0]
        for one in wrong:
            with pytest.raises(PluginError):
                one.result(10)
    assert state.read(numbers) == list(range(16))
    assert state.write(put(50, state)) == 50


def test_many_threads_count_without_losing_one(state: State) -> None:
    state.write(put(0, state))

    def one_more(connection: Connection) -> None:
        # A statement sees the commits from before its start, so a lock comes first.
        query = select(NUMBERS).where(NUMBERS.c.number == 0).with_for_update()
        connection.execute(query).one()
        found = connection.execute(select(func.count()).select_from(NUMBERS)).scalar_one()
        put(found, state)(connection)

    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(state.write, one_more) for _ in range(100)]:
            done.result(30)
    assert state.read(numbers) == list(range(101))


def test_after_the_end_it_is_not_to_be_had(database: Database, state: State) -> None:
    state.write(put(1, state))
    database.close()
    for use in (state.read, state.write):
        with pytest.raises(StateUnavailable):
            use(numbers)


def test_a_database_that_is_away_says_so(tmp_path: Path) -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/x", tmp_path)
    state = PluginState(database)
    for use in (state.read, state.write):
        with pytest.raises(StateUnavailable) as caught:
            use(lambda connection: connection.execute(text("SELECT 1")))
        assert "127.0.0.1" not in caught.value.message
    database.close()
