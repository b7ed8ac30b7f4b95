"""Group commits: concurrent works are written in one commit, without harm to each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import IntegrityError

from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state.engines import make_engine
from orchestrator_core.state.writers import CommitError, Writer
from tests.databases import MakeUrl

PATIENCE = 10.0


class Book:
    """A table of numbers, one writer of it, and the number of its commits."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.engine: Engine = make_engine(self.url, 1)
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
            connection.execute(
                text(
                    "CREATE TABLE notes (number INTEGER "
                    "REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED)"
                )
            )
        self.commits = 0
        event.listen(self.engine, "commit", self._count)
        self.writer = Writer(self.engine, 1)

    def _count(self, _connection: Connection) -> None:
        self.commits += 1

    def put(self, number: int) -> Future[int]:
        return self.writer.submit_from_thread(entry(number))

    def numbers(self) -> list[int]:
        """Return the committed numbers, as any other process sees them."""
        with closing(sqlite3.connect(str(self.url.database))) as connection, connection:
            rows = connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()
        return [row[0] for row in rows]


def entry(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        return number

    return work


def refer_to_nothing(connection: Connection) -> None:
    """Violate a constraint that is checked only in the commit."""
    connection.execute(text("INSERT INTO notes VALUES (99)"))


@pytest.fixture
def book(sqlite: MakeUrl) -> Iterator[Book]:
    book = Book(sqlite())
    yield book
    book.writer.close()
    book.engine.dispose()


class Held:
    """A work that blocks until it is released."""

    def __init__(self) -> None:
        self.begun, self.let_go = Event(), Event()

    def __call__(self, _connection: Connection) -> int:
        self.begun.set()
        assert self.let_go.wait(PATIENCE)
        return 0


def test_what_is_submitted_while_a_transaction_runs_is_written_by_its_commit(book: Book) -> None:
    held = Held()
    first = book.writer.submit_from_thread(held)
    assert held.begun.wait(PATIENCE)
    others = [book.put(number) for number in range(1, 6)]
    assert not any(other.done() for other in others)
    held.let_go.set()
    assert [one.result(PATIENCE) for one in (first, *others)] == [0, 1, 2, 3, 4, 5]
    assert book.commits == 1
    assert book.numbers() == [1, 2, 3, 4, 5]


def test_what_is_submitted_while_another_process_writes_is_one_commit(book: Book) -> None:
    with closing(sqlite3.connect(str(book.url.database), isolation_level=None)) as other, other:
        other.execute("BEGIN IMMEDIATE")
        waiting = [book.put(number) for number in range(1, 6)]
        assert book.commits == 0
        other.execute("COMMIT")
        assert [one.result(PATIENCE) for one in waiting] == [1, 2, 3, 4, 5]
    assert book.commits == 1


def test_no_commit_has_more_than_so_many(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_core.state.writers._MOST_IN_ONE_COMMIT", 3)
    held = Held()
    book.writer.submit_from_thread(held)
    assert held.begun.wait(PATIENCE)
    others = [book.put(number) for number in range(1, 6)]
    held.let_go.set()
    assert [one.result(PATIENCE) for one in others] == [1, 2, 3, 4, 5]
    assert book.commits == 2


def test_one_that_fails_is_nothing_to_the_others(book: Book) -> None:
    held = Held()
    book.writer.submit_from_thread(held)
    assert held.begun.wait(PATIENCE)
    others = [book.put(1), book.put(1), book.put(2)]
    held.let_go.set()
    assert others[0].result(PATIENCE) == 1
    with pytest.raises(Exception, match="UNIQUE"):
        others[1].result(PATIENCE)
    assert others[2].result(PATIENCE) == 2
    assert book.numbers() == [1, 2]


def test_one_that_fails_alone_is_not_run_again(book: Book) -> None:
    runs: list[int] = []

    def work(_connection: Connection) -> None:
        runs.append(1)
        raise StateUnavailable

    with pytest.raises(StateUnavailable):
        book.writer.submit_from_thread(work).result(PATIENCE)
    assert runs == [1]


def test_a_commit_that_fails_is_told_to_all_in_it(book: Book) -> None:
    """The commit may have succeeded, so that no work may be repeated automatically."""
    held = Held()
    first = book.writer.submit_from_thread(held)
    assert held.begun.wait(PATIENCE)
    others: list[Future[Any]] = [
        book.put(1),
        book.writer.submit_from_thread(refer_to_nothing),
    ]
    held.let_go.set()
    for one in (first, *others):
        with pytest.raises(CommitError) as broken:
            one.result(PATIENCE)
        assert isinstance(broken.value.cause, IntegrityError)
    assert book.numbers() == []
    assert book.put(1).result(PATIENCE) == 1, "the writer goes on"


def test_the_end_waits_for_what_was_submitted(book: Book) -> None:
    held = Held()
    book.writer.submit_from_thread(held)
    assert held.begun.wait(PATIENCE)
    other = book.put(1)
    held.let_go.set()
    book.writer.close()
    assert other.result(0) == 1
    with pytest.raises(RuntimeError, match="closed"):
        book.put(2)
