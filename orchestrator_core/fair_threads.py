"""Threads and a queue of jobs that are divided among callers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import origin

T = TypeVar("T")


class FairThreads:
    """A pool of threads whose work is taken in the turn of its callers.

    Args:
        threads: how many there are.
        name: begins the threads' names.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._queue: FairQueue[Callable[[], None]] = FairQueue(threads)
        self._lock = threading.Lock()

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run a work in one of the threads, in the turn of the caller that it is for."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work(*arguments)
            except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            self._queue.add(run, [origin.get()])
        self._threads.submit(self._run_next)
        return future

    def shutdown(self) -> None:
        """Run what was submitted, and end the threads."""
        while self._queue:  # each of them runs in the end, though the pool takes nothing new
            self._threads.submit(self._run_next).result()
        self._threads.shutdown()

    def _run_next(self) -> None:
        while True:
            with self._lock:
                run = self._queue.take()
            if run is None:
                return  # what waits has to leave this thread to others
            try:
                run()
            finally:
                with self._lock:
                    self._queue.release(run)


class FairInbox(Generic[T]):
    """Jobs for threads that take them in the turn of their callers.

    As of a :class:`queue.SimpleQueue`, but for the order; None is the end, and has no turn.
    """

    def __init__(self) -> None:
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._jobs: FairQueue[T] = FairQueue()
        self._lock = threading.Lock()

    def put(self, job: T | None) -> None:
        """Add a job of the caller that this is done for, or the end."""
        if job is not None:
            with self._lock:
                self._jobs.add(job, [origin.get()])
        self._tokens.put(job is not None)

    def get(self) -> T | None:
        """Wait for a job, or for the end."""
        return self._next() if self._tokens.get() else None

    def get_nowait(self) -> T | None:
        """Return a job, or None for the end.

        Raises:
            queue.Empty: when nothing waits.
        """
        return self._next() if self._tokens.get_nowait() else None

    def _next(self) -> T:
        with self._lock:
            job = self._jobs.pop()
        assert job is not None  # there is one for each token
        return job
