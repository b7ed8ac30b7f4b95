"""Sharing of work: equal work that several callers request at the same time is done once."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from orchestrator_core.origin import Sharers, origin, sharers

T = TypeVar("T")


class _Flight:
    __slots__ = ("sharers", "task", "waiters")

    def __init__(self, task: asyncio.Task[Any], shared: Sharers) -> None:
        self.task = task
        self.sharers = shared
        self.waiters: set[asyncio.Future[Any]] = set()


class SingleFlight:
    """Running work, by its key; run from one event loop, forgotten from any thread.

    Work continues while a caller waits for it. When the last caller leaves, the work is cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of ``work``, or raise its error.

        Args:
            key: the key, equal for equal work; running work with this key is joined.
            work: the function that begins the work.
        """
        flight = self._flights.get(key)
        if flight is None or flight.task.done():
            flight = self._begin(key, work)
        else:
            # The work may wait in the turn of a caller with many calls. Now it may also run in
            # the turn of this caller.
            flight.sharers.join(origin.get())
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        flight.waiters.add(waiter)
        try:
            return await waiter
        finally:
            flight.waiters.discard(waiter)
            if not flight.waiters and not flight.task.done():
                self._drop(key, flight)
                flight.task.cancel()
            del flight, waiter  # Otherwise they and the error would keep each other alive.

    def forget(self) -> None:
        """Prevent new callers from joining running work; callers that wait still get its result."""
        self._flights.clear()

    def _begin(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> _Flight:
        shared = Sharers(origin.get())
        context = contextvars.copy_context()
        context.run(sharers.set, shared)
        task = asyncio.get_running_loop().create_task(work(), context=context)
        flight = _Flight(task, shared)
        self._flights[key] = flight

        def land(task: asyncio.Task[T]) -> None:
            self._drop(key, flight)
            _hand_out(task, flight.waiters)

        flight.task.add_done_callback(land)
        return flight

    def _drop(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            self._flights.pop(key, None)  # forget() may have run first, in another thread.


def _hand_out(task: asyncio.Task[Any], waiters: set[asyncio.Future[Any]]) -> None:
    if task.cancelled():
        for waiter in waiters:
            waiter.cancel()
        return
    error = task.exception()
    for waiter in waiters:
        if waiter.done():
            continue  # The caller has just left.
        if error is None:
            waiter.set_result(task.result())
        else:
            waiter.set_exception(error)
