"""How transactions get into the database: what waits at the same time goes in one commit."""

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
"""Statements of one transaction; may be run again from the start, so it does nothing else."""

_TRIES: Final = 5

_REPEATABLE: Final = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock: the transaction was is_retryable, try again."""

_MOST_IN_ONE_COMMIT: Final = 64


class SilenceError(Exception):
    """The database has not answered for so long that the connection to it was cut."""


class _Job:
    """One work; its outcome goes to a future of the event loop, or to one of a thread."""

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

    def tell(self) -> None:
        """Hand over the outcome; in the future's own thread."""
        if self.future.done():
            return  # nobody waits any more
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
        self.error = None


class Writer:
    """Runs each work in a transaction; a result is given only after its commit.

    A commit waits for the disk, so that what many callers want at the same time is written in
    one transaction. Where one of them fails, each is done again in a transaction of its own: it
    is nothing to the others. Callers take turns: whoever has much to write delays nobody by more
    than the transaction that is being written.

    Args:
        engine: whose transactions may write.
        threads: how many transactions there may be at the same time.
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
        """Run a work in the next transaction; its outcome comes to the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Job(work, future, loop))
        return future

    def submit_from_thread(self, work: Work[T]) -> Future[T]:
        """As :meth:`submit`, for who has no event loop."""
        future: Future[T] = Future()
        self._put(_Job(work, future, None))
        return future

    def close(self) -> None:
        """Finish what was submitted."""
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
            del first, batch  # or their results would stay until there is a next

    def _write(self, batch: list[_Job]) -> None:
        """Write the job of a batch, and what else waits by then, which is added to the batch."""
        try:
            self._run(batch, _MOST_IN_ONE_COMMIT)
        except Exception as error:  # noqa: BLE001 - whose it is shows when each is alone
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
            except Exception as error:  # noqa: BLE001 - it is its caller's
                if attempt == _TRIES or not is_retryable(error):
                    job.error = error
                    return
            else:
                return

    def _run(self, batch: list[_Job], most: int) -> None:
        """Run jobs in one transaction.

        What is submitted while its beginning waits for other processes, or while it runs, is
        run in it as well.

        Raises:
            Exception: what one of them raises; nothing is written then. A commit that fails is no
                such exception, but everybody's error: it may have been made.
        """
        with (
            waiting_since(batch[0].asked_at),
            self._engine.connect() as connection,
            connection.begin() as transaction,
        ):
            for job in batch:  # which grows
                job.result = job.work(connection)
                if job is batch[-1] and len(batch) < most:
                    batch += self._waiting(most - len(batch))
            try:
                transaction.commit()
            except Exception as error:  # noqa: BLE001 - it is told
                # SQLite may be in the transaction still, of which SQLAlchemy thinks that it ended.
                connection.invalidate()
                for job in batch:
                    job.error = CommitError(error)

    def _waiting(self, most: int) -> list[_Job]:
        """Take what waits now."""
        jobs: list[_Job] = []
        while len(jobs) < most:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                self._jobs.put(None)  # the end is for the loop, which is not here
                break
            jobs.append(job)
        return jobs


class CommitError(Exception):
    """A commit was not answered well: it may have been made.

    Args:
        cause: what SQLAlchemy said.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def is_retryable(error: Exception) -> bool:
    """Whether a transaction may be repeated: it was is_retryable, or its connection was long dead.

    Who has waited for a silent connection is told so: to wait as long again is no help.
    """
    if not isinstance(error, DBAPIError) or _is_silence(error):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _REPEATABLE


def _is_silence(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and isinstance(error.orig, SilenceError)


def _tell(batch: Sequence[_Job]) -> None:
    """Wake each event loop once, however many outcomes there are for it."""
    for loop in {job.loop for job in batch}:
        jobs = [job for job in batch if job.loop is loop]
        if loop is None:
            _tell_all(jobs)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, jobs)


def _tell_all(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.tell()
