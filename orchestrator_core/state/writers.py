"""How transactions get into the database: several at once, or many in one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

T = TypeVar("T")

Work = Callable[[Connection], T]
"""Statements of one transaction; may be run again from the start, so it does nothing else."""

_TRIES: Final = 5
_REPEATABLE: Final = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock: the transaction was undone, try again."""

_MOST_IN_ONE_COMMIT: Final = 64


class Writer(Protocol):
    """Runs each work in a transaction; a result is given only after its commit."""

    def submit(self, work: Work[T]) -> Future[T]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class PooledWriter:
    """For a database that commits for many connections at once by itself.

    Args:
        engine: with as many connections as there are threads.
        threads: how many.
    """

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="state")

    def submit(self, work: Work[T]) -> Future[T]:
        """Run a work in a transaction of its own."""
        return self._threads.submit(self._run, work)

    def close(self) -> None:
        """Finish what was submitted."""
        self._threads.shutdown()

    def _run(self, work: Work[T]) -> T:
        for attempt in range(1, _TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt == _TRIES or not _undone(error):
                    raise
        raise AssertionError


def _undone(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _REPEATABLE


class _Job:
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: Connection) -> None:
        try:
            with connection.begin_nested():
                self.result = self.work(connection)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - it is its caller's, the others go on
            self.error = error

    def tell(self) -> None:
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
        self.error = None


class BatchingWriter:
    """For SQLite, which has one writer at a time and waits for the disk at each commit.

    What many callers want at the same time is written in one transaction, each behind a
    savepoint of its own: that one fails is nothing to the others.

    Args:
        engine: whose transactions begin with the lock for writing.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="state", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """Run a work in the next transaction."""
        job = _Job(work)
        if self._closed:
            raise RuntimeError("the database is closed")
        self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Finish what was submitted."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _loop(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._next()
            batch = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if batch:
                self._commit(batch)

    def _next(self) -> tuple[list[_Job], bool]:
        """Wait for a job, and take what else is there."""
        batch: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if self._jobs.empty() or len(batch) == _MOST_IN_ONE_COMMIT:
                return batch, True
            job = self._jobs.get()
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._engine.begin() as connection:
                for job in batch:
                    job.run(connection)
        except BaseException as error:  # noqa: BLE001 - nothing of it is in the database
            for job in batch:
                job.error = error
        for job in batch:
            job.tell()
