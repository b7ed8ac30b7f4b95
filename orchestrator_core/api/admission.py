"""Admission of requests: callers take turns, and each has a bounded number in flight."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from orchestrator_core.api.errors import TooManyRequests
from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import Origin

RELEASE: Final = "orchestrator.release"
"""The key of an ASGI scope under which the function is that ends a request's being in flight."""

_REQUESTS_PER_TURN: Final = 1
"""Requests that go on in one round of the event loop. A caller with 700 connections otherwise
has 700 requests worked on in one round, and those of others wait for all of them."""


class Admission:
    """Lets requests go on in the turn of their callers; counts those in flight.

    Used from one event loop at a time.

    Args:
        limit: how many requests of one caller may be in flight in this process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight: Counter[str] = Counter()
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = 0
        self._is_turning = False

    async def wait_for_turn(self, one: Origin) -> None:
        """Wait until it is the caller's turn: at once, unless many requests have just come."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._left, self._is_turning = loop, _REQUESTS_PER_TURN, False
            self._waiting = FairQueue()
        if self._left and not self._waiting:
            self._left -= 1
            self._turn_later()
            return
        turn = loop.create_future()
        self._waiting.add(turn, [one])
        self._turn_later()
        try:
            await turn
        finally:
            self._waiting.remove(turn)

    def enter(self, caller: str) -> Callable[[], None]:
        """Count a request as in flight; return the function that ends that.

        Raises:
            TooManyRequests: when the caller has as many already as it may.
        """
        if self._in_flight[caller] >= self._limit:
            raise TooManyRequests(self._limit)
        self._in_flight[caller] += 1

        def leave() -> None:
            self._in_flight[caller] -= 1
            if not self._in_flight[caller]:
                del self._in_flight[caller]

        return leave

    def _turn_later(self) -> None:
        if not self._is_turning and self._loop is not None:
            self._is_turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turning = False
        self._left = _REQUESTS_PER_TURN
        while self._left and (turn := self._waiting.pop()) is not None:
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self._left < _REQUESTS_PER_TURN:
            self._turn_later()


def release(scope: dict[str, Any]) -> None:
    """Count the request of an ASGI scope as in flight no more."""
    leave = scope.pop(RELEASE, None)
    if leave is not None:
        leave()
