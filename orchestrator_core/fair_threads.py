"""Threads, and a queue of jobs that is divided among callers."""

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
    """A pool of threads that runs the work of callers in turn.

    Args:
        threads: the number of threads.
        name: the beginning of the threads' names.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._queue: FairQueue[Callable[[], None]] = FairQueue(threads)
        self._lock = threading.Lock()

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run work in one of the threads, in the turn of the current caller."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work(*arguments)
            except BaseException as error:  # noqa: BLE001 - the waiting caller gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            self._queue.add(run, [origin.get()])
        self._threads.submit(self._run_next)
        return future

    def shutdown(self) -> None:
        """Run all submitted work, then end the threads."""
        while self._queue:  # empty the queue first: after its shutdown the pool accepts no work
            self._threads.submit(self._run_next).result()
        self._threads.shutdown()

    def _run_next(self) -> None:
        while True:
            with self._lock:
                run = self._queue.take()
            if run is None:
                return  # the limits of the queue reserve this thread for other callers
            try:
                run()
            finally:
                with self._lock:
                    self._queue.release(run)


class FairInbox(Generic[T]):
    """Jobs for threads, which take them in the turn of their callers.

    It works as a :class:`queue.SimpleQueue`, except for the order. None marks the end and has no
    turn.
    """

    def __init__(self) -> None:
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._jobs: FairQueue[T] = FairQueue()
        self._lock = threading.Lock()

    def put(self, job: T | None) -> None:
        """Add a job of the current caller, or the end."""
        if job is not None:
            with self._lock:
                self._jobs.add(job, [origin.get()])
        self._tokens.put(job is not None)

    def get(self) -> T | None:
        """Return the next job, or None for the end; wait for either."""
        return self._next() if self._tokens.get() else None

    def get_nowait(self) -> T | None:
        """Return the next job, or None for the end, without waiting.

        Raises:
            queue.Empty: when nothing waits.
        """
        return self._next() if self._tokens.get_nowait() else None

    def _next(self) -> T:
        with self._lock:
            job = self._jobs.pop()
        assert job is not None  # there is a job for each token
        return job
