"""The threads of one cloud, so that a cloud that hangs costs nobody else anything.

Callers are coroutines: they wait without a thread, in a bounded queue, up to a deadline
that is enforced here and not by the driver.

Handing over between the event loop and a thread costs more than a fast driver's whole
answer, so it is done for many calls at once: a thread that is awake takes one call after
the other, a second one joins in only when the first makes no headway, and results
are announced to the loop once for as many as there are. No result waits longer than a tick.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudBusy, CloudTimeout

T = TypeVar("T")

Job = Callable[[Deadline], Any]

TICK: Final = 0.001
"""Seconds without headway after which another thread joins in."""


_NOT_RUN: Final = CloudTimeout("not run")
"""Stands for the outcome of a call that no thread has finished."""


class _Ring(Enum):
    WORK = auto()
    END = auto()


class _Ticket:
    """One call on its way through: queued, running, and delivered at most once."""

    __slots__ = ("deadline", "error", "future", "job", "result")

    def __init__(self, job: Job, seconds: float, future: asyncio.Future[Any]) -> None:
        self.job = job
        self.deadline = Deadline(seconds)
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = _NOT_RUN

    def run(self) -> None:
        """Run the job, in a thread of the cloud."""
        try:
            self.result = self.job(self.deadline)
            self.error = None
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, not to the thread
            self.error = error

    def deliver(self) -> None:
        """Hand the result to the coroutine that waits for it, in its loop."""
        if self.future.done():
            return  # the caller left, or the deadline passed
        if isinstance(self.error, StopIteration):  # the one exception that no future takes
            self.future.set_exception(RuntimeError("the job raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Bulkhead:
    """A bounded pool of threads behind a bounded queue; used from one event loop at a time.

    Args:
        title: ``Cloud aws`` say; begins every message and names the threads.
        threads: how many calls may run at the same time.
        queue: how many more may wait.
    """

    def __init__(self, title: str, *, threads: int, queue: int) -> None:
        self.title = title
        self._limit = threads
        self._capacity = threads + queue
        self._inside = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[_Ticket] = deque()
        self._done: deque[_Ticket] = deque()
        self._taken = 0
        self._taken_at_last_tick = 0
        self._ticking = False
        self._announced = False
        self._lock = threading.Lock()
        self._awake = 0
        self._threads = 0
        self._bell: SimpleQueue[_Ring] = SimpleQueue()

    async def run(self, job: Callable[[Deadline], T], seconds: float) -> T:
        """Run ``job`` in one of the threads and return its result.

        Args:
            job: ordinary blocking code; it is given its deadline.
            seconds: how long the caller waits, queueing included.

        Raises:
            CloudBusy: at once, when threads and queue are full.
            CloudTimeout: at the deadline; the job may still be running then.
        """
        if self._inside >= self._capacity:
            raise CloudBusy(f"{self.title} is busy, try again later", retry_after=1)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._ticking, self._announced = loop, False, False
        ticket = _Ticket(job, seconds, loop.create_future())
        timer = loop.call_later(seconds, self._expire, ticket)
        self._inside += 1
        try:
            self._submit(ticket)
            result: T = await ticket.future
        finally:
            timer.cancel()
            self._inside -= 1
            if ticket.error is _NOT_RUN:
                self._forget(ticket)
        return result

    def close(self) -> None:
        """Let the threads end, each after what it is doing; a later call would make new ones."""
        for _ in range(self._threads):
            self._bell.put(_Ring.END)
        self._bell = SimpleQueue()
        self._threads = 0

    # --- in the event loop --------------------------------------------------------------

    def _submit(self, ticket: _Ticket) -> None:
        with self._lock:
            self._queue.append(ticket)
            nobody = self._awake == 0
            self._awake += nobody
        if nobody:
            self._wake_one()
        self._tick_later()

    def _wake_one(self) -> None:
        """Wake an idle thread, or make one; it is counted as awake already."""
        if self._awake > self._threads:
            # Daemons: a thread that hangs in an SDK must not keep the process from ending.
            name = f"{self.title} {self._threads + 1}"
            thread = threading.Thread(target=self._work, args=(self._bell,), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has none left; the next tick tries again
                with self._lock:
                    self._awake -= 1
                return
            self._threads += 1
        self._bell.put(_Ring.WORK)

    def _tick_later(self) -> None:
        if not self._ticking and self._loop is not None:
            self._ticking = True
            self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        # The flag falls before the results are fetched: a thread that still saw it up has
        # put its result there before.
        self._ticking = False
        self._deliver()
        if not self._queue or self._awake >= self._limit:
            return
        if self._taken == self._taken_at_last_tick:
            with self._lock:
                self._awake += 1
            self._wake_one()
        self._taken_at_last_tick = self._taken
        self._tick_later()

    def _deliver(self) -> None:
        self._announced = False
        while self._done:
            self._done.popleft().deliver()

    def _forget(self, ticket: _Ticket) -> None:
        """Take a call out of the queue whose caller has left it."""
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)

    def _expire(self, ticket: _Ticket) -> None:
        if ticket.future.done():
            return
        seconds = ticket.deadline.seconds
        ticket.future.set_exception(
            CloudTimeout(f"{self.title} did not answer within {seconds:g} s")
        )

    # --- in the threads -----------------------------------------------------------------

    def _work(self, bell: SimpleQueue[_Ring]) -> None:
        while bell.get() is _Ring.WORK:
            while (ticket := self._next()) is not None:
                if not ticket.future.done():
                    ticket.run()
                    self._done.append(ticket)
                    self._announce()
                del ticket  # or its result would stay alive until the next call

    def _next(self) -> _Ticket | None:
        with self._lock:
            if not self._queue:
                self._awake -= 1
                return None
            self._taken += 1
            return self._queue.popleft()

    def _announce(self) -> None:
        """Tell the loop of results, unless it will look within a tick anyway."""
        if self._announced or (self._ticking and self._queue):
            return
        self._announced = True
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            self._announced = False  # the loop is closed: the server is gone, and who asked
