"""The admission of requests: callers take turns, each with a limit of requests in flight."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from orchestrator_core.api.errors import TooManyRequests
from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import Origin

RELEASE: Final = "orchestrator.release"
"""The key of an ASGI scope that holds the function which ends the request's time in flight."""

_REQUESTS_PER_TURN: Final = 1
"""Requests that continue in one round of the event loop. Without this limit a caller with 700
connections would have 700 requests processed in one round, and the requests of all other callers
would wait for them.
"""


class Admission:
    """A queue in which callers take turns, and a count of each caller's requests in flight.

    Used from one event loop at a time.

    Args:
        limit: the most requests of one caller that may be in flight in this process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight: Counter[str] = Counter()
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = 0
        self._is_turning = False

    async def wait_for_turn(self, one: Origin) -> None:
        """Wait for the caller's turn; return at once unless many requests have just arrived."""
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
        """Count a request as in flight and return the function that ends this.

        Raises:
            TooManyRequests: when the caller already has as many requests in flight as allowed.
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
    """Stop counting the request of an ASGI scope as in flight."""
    leave = scope.pop(RELEASE, None)
    if leave is not None:
        leave()
