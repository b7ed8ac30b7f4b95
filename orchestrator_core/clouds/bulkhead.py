"""The threads of one cloud, so that a cloud that hangs costs nobody else anything.

Callers are coroutines: they wait without a thread, in a bounded queue, up to a deadline
that is enforced here and not by the driver.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudBusy, CloudTimeout

T = TypeVar("T")

Job = Callable[[Deadline], Any]


class _Ticket:
    """One call on its way through: queued, running, and delivered at most once."""

    __slots__ = ("deadline", "future", "job", "loop")

    def __init__(self, job: Job, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.deadline = Deadline(seconds)
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def run(self) -> None:
        """Run the job in this thread and hand its result to the waiting coroutine."""
        if self.future.done():
            return  # the caller left, or the deadline passed, while this was queued
        try:
            result = self.job(self.deadline)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, not to the thread
            self._hand_over(self._fail, error)
        else:
            self._hand_over(self._succeed, result)

    def _hand_over(self, deliver: Callable[[Any], None], value: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(deliver, value)
        except RuntimeError:
            # The loop is closed: the server is gone, and with it who asked.
            return

    def _succeed(self, result: Any) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Bulkhead:
    """A bounded pool of threads behind a bounded queue.

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
        self._tickets: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

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
        ticket = _Ticket(job, seconds, loop)
        self._inside += 1
        if self._inside > len(self._threads) and len(self._threads) < self._limit:
            self._add_thread()
        self._tickets.put(ticket)
        timer = loop.call_later(seconds, self._expire, ticket)
        try:
            result: T = await ticket.future
        finally:
            timer.cancel()
            self._inside -= 1
        return result

    def close(self) -> None:
        """Let idle threads end."""
        for _ in self._threads:
            self._tickets.put(None)
        self._threads = []

    def _expire(self, ticket: _Ticket) -> None:
        if not ticket.future.done():
            seconds = ticket.deadline.seconds
            ticket.future.set_exception(
                CloudTimeout(f"{self.title} did not answer within {seconds:g} s")
            )

    def _add_thread(self) -> None:
        # Daemons: a thread that hangs in an SDK must not keep the process from ending.
        number = len(self._threads) + 1
        thread = threading.Thread(target=self._work, name=f"{self.title} {number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (ticket := self._tickets.get()) is not None:
            ticket.run()
            del ticket  # or its result would stay alive until the next call
