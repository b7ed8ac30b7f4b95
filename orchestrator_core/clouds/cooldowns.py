"""Cooldowns of a cloud's operations, as the cloud's rate limits request them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from orchestrator_core.errors import RateLimited

LONGEST_SECONDS: Final = 60.0
"""The longest cooldown in seconds, whatever a cloud requests; the cloud may then request more."""


class Cooldowns:
    """The cooldowns of one cloud, by operation, because clouds limit each operation separately.

    Args:
        title: the beginning of every message, for example ``Cloud aws``.
        clock: a clock in seconds that never goes backwards.
    """

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._until: dict[str, float] = {}

    def begin(self, operation: str, seconds: float) -> None:
        """Begin a cooldown of an operation, for the seconds that ``Retry-After`` requests."""
        until = self._clock() + min(seconds, LONGEST_SECONDS)
        self._until[operation] = max(until, self._until.get(operation, 0.0))

    def check(self, operation: str) -> None:
        """Check that an operation has no cooldown.

        Raises:
            RateLimited: during a cooldown, with the remaining seconds; the cloud is not called.
        """
        left = self._until.get(operation, 0.0) - self._clock()
        if left > 0:
            raise RateLimited(
                f"{self._title} asks for fewer requests", retry_after=left, repeat_is_safe=True
            )
