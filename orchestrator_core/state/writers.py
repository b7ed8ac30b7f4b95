"""The writer of transactions, which commits all work that waits at the same time together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from orchestrator_core.fair_threads import FairInbox
from orchestrator_core.state.lock_wait import waiting_since

T = TypeVar("T")

Work = Callable[[Connection], T]
"""The statements of one transaction; they may run again, so a work must do nothing else."""

_TRIES: Final = 5

_REPEATABLE: Final = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock: it has undone the transaction; try again."""

_MOST_IN_ONE_COMMIT: Final = 64


class SilenceError(Exception):
    """The database did not answer in time, and the connection was closed."""


class _Job:
    """One work and the future for its outcome, which belongs to an event loop or to a thread."""

    __slots__ = ("asked_at", "error", "future", "loop", "result", "work")

    def __init__(
        self,
        work: Work[Any],
        future: asyncio.Future[Any] | Future[Any],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.work = work
        self.future = future
        self.loop = loop
        self.asked_at = time.monotonic()
        self.result: Any = None
        self.error: BaseException | None = None

    def deliver(self) -> None:
        """Set the future's outcome; called in the future's own thread."""
        if self.future.done():
            return  # the caller no longer waits
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
        self.error = None


class Writer:
    """A writer that runs each work in a transaction and returns its result after the commit.

    A commit waits for the disk, so the work of many callers is written in one transaction. If one
    of them fails, each is run again in a transaction of its own, so that the failure does not
    affect the others. Callers take turns: a caller with much work delays another by at most the
    transaction that is being written.

    Args:
        engine: The engine whose transactions may write.
        threads: The largest number of transactions at the same time.
    """

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._jobs: FairInbox[_Job] = FairInbox()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._loop, name=f"state-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Run a work in the next transaction; return a future of the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Job(work, future, loop))
        return future

    def submit_from_thread(self, work: Work[T]) -> Future[T]:
        """Do what :meth:`submit` does, for a caller without an event loop."""
        future: Future[T] = Future()
        self._put(_Job(work, future, None))
        return future

    def close(self) -> None:
        """Finish the submitted work, then end the threads."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise RuntimeError("the database is closed")
        self._jobs.put(job)

    def _loop(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch = [first]
            self._write(batch)
            _tell(batch)
            del first, batch  # else their results would stay in memory until the next job

    def _write(self, batch: list[_Job]) -> None:
        """Write the job of a batch and the jobs that wait by then, which are added to the batch."""
        try:
            self._run(batch, _MOST_IN_ONE_COMMIT)
        except Exception as error:  # noqa: BLE001 - each work is run alone to find its own error
            if _is_silence(error) or (len(batch) == 1 and not is_retryable(error)):
                for job in batch:
                    job.error = error
                return
            for job in batch:
                self._write_alone(job)

    def _write_alone(self, job: _Job) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                self._run([job], 1)
            except Exception as error:  # noqa: BLE001 - the caller of the work gets it
                if attempt == _TRIES or not is_retryable(error):
                    job.error = error
                    return
            else:
                return

    def _run(self, batch: list[_Job], most: int) -> None:
        """Run jobs in one transaction.

        Jobs that are submitted while the transaction waits for other processes to begin, or while
        it runs, run in it as well. If the commit fails, each job gets a :class:`CommitError`,
        because the commit may have been made.

        Raises:
            Exception: The exception of one of the jobs; nothing is written.
        """
        with (
            waiting_since(batch[0].asked_at),
            self._engine.connect() as connection,
            connection.begin() as transaction,
        ):
            for job in batch:  # the loop adds jobs to it
                job.result = job.work(connection)
                if job is batch[-1] and len(batch) < most:
                    batch += self._waiting(most - len(batch))
            try:
                transaction.commit()
            except Exception as error:  # noqa: BLE001 - it is delivered
                # SQLite may still be in the transaction, although SQLAlchemy assumes that it ended.
                connection.invalidate()
                for job in batch:
                    job.error = CommitError(error)

    def _waiting(self, most: int) -> list[_Job]:
        """Return the jobs that wait now, at most ``most`` of them."""
        jobs: list[_Job] = []
        while len(jobs) < most:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                self._jobs.put(None)  # the marker for the end belongs to the loop of a thread
                break
            jobs.append(job)
        return jobs


class CommitError(Exception):
    """A commit failed without a clear answer: it may have been made.

    Args:
        cause: The exception that SQLAlchemy raised.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def is_retryable(error: Exception) -> bool:
    """Return whether a transaction may be run again after an error.

    It may if the database has undone it, or if its connection was already dead. A transaction on a
    silent connection is not run again, because its caller would only wait as long once more.
    """
    if not isinstance(error, DBAPIError) or _is_silence(error):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _REPEATABLE


def _is_silence(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and isinstance(error.orig, SilenceError)


def _tell(batch: Sequence[_Job]) -> None:
    """Deliver the outcomes; wake each event loop only once, even for many outcomes."""
    for loop in {job.loop for job in batch}:
        jobs = [job for job in batch if job.loop is loop]
        if loop is None:
            _deliver_all(jobs)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_deliver_all, jobs)


def _deliver_all(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.deliver()
