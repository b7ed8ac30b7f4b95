"""A moment by which something must be done, on the monotonic clock."""

from __future__ import annotations

import time

from orchestrator_core.errors import CloudTimeout


class Deadline:
    """Counts down from ``seconds``; cheap to make and to ask from any thread.

    Each call has one of its own, so that it also says which call is meant.
    """

    __slots__ = ("_ends_at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._ends_at

    def end(self) -> None:
        """Let no time be left: nobody waits for the call any more."""
        self._ends_at = 0.0

    def check(self) -> None:
        """Give up between two steps of a long call.

        :raises CloudTimeout: when the deadline has passed.
        """
        if self.passed:
            raise CloudTimeout(f"No answer within {self.seconds:g} s")
