"""The admission of requests: callers take turns, each with a limit of requests in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from orchestrator_core.api.errors import TooManyRequests
from orchestrator_core.api.turns import Turns

RELEASE: Final = "orchestrator.release"
"""The key of an ASGI scope that holds the function which ends the request's time in flight."""


class Admission:
    """A queue in which callers take turns, and a count of each caller's requests in flight.

    Used from one event loop at a time.

    Args:
        limit: the most requests of one caller that may be in flight in this process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight: Counter[str] = Counter()
        self._turns = Turns()

    async def wait_for_turn(self, caller: str) -> None:
        """Wait for the caller's turn; return at once unless many requests have just arrived."""
        await self._turns.wait(caller)

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


def release(scope: dict[str, Any]) -> None:
    """Stop counting the request of an ASGI scope as in flight."""
    leave = scope.pop(RELEASE, None)
    if leave is not None:
        leave()
