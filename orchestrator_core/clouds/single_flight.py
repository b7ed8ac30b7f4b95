"""The same work asked for by several at the same time is done once."""

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
    """Work under way, by its key; run from one event loop, forgotten from any thread.

    Work goes on for as long as somebody waits for it: when the last one has left it is
    cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what ``work`` returns, or raise what it raises.

        Args:
            key: the same for the same work. Work of this key that is under way is joined.
            work: begins it.
        """
        flight = self._flights.get(key)
        if flight is None or flight.task.done():
            flight = self._begin(key, work)
        else:
            # It may wait in the turn of a caller that has much: it goes by each one's turn.
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
            del flight, waiter  # or an error would hold them, and they the error

    def forget(self) -> None:
        """Let nobody join what is under way now; who waits for it already gets it."""
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
            self._flights.pop(key, None)  # forget() may have been first, in another thread


def _hand_out(task: asyncio.Task[Any], waiters: set[asyncio.Future[Any]]) -> None:
    if task.cancelled():
        for waiter in waiters:
            waiter.cancel()
        return
    error = task.exception()
    for waiter in waiters:
        if waiter.done():
            continue  # it left in this very moment
        if error is None:
            waiter.set_result(task.result())
        else:
            waiter.set_exception(error)
