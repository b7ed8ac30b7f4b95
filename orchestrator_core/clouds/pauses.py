"""Keeps to a cloud's wish to be asked for something less often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from orchestrator_core.errors import RateLimited

LONGEST_SECONDS: Final = 60.0
"""A cloud may name any time; after this one it is asked again, and can say so again."""


class Pauses:
    """Which operations must wait; clouds limit them one by one.

    Args:
        title: ``Cloud aws`` say; begins every message.
        clock: seconds that only go forward.
    """

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._until: dict[str, float] = {}

    def begin(self, operation: str, seconds: float) -> None:
        """Let this operation wait for so many seconds, as a rate limit's ``Retry-After`` asks."""
        until = self._clock() + min(seconds, LONGEST_SECONDS)
        self._until[operation] = max(until, self._until.get(operation, 0.0))

    def check(self, operation: str) -> None:
        """Do nothing when the operation need not wait.

        Raises:
            RateLimited: when it must, with the seconds that are left; the cloud is not asked.
        """
        left = self._until.get(operation, 0.0) - self._clock()
        if left > 0:
            raise RateLimited(
                f"{self._title} asks for fewer requests", retry_after=left, repeat_is_safe=True
            )
