"""The time by which a call must end, on the monotonic clock."""

from __future__ import annotations

import time

from orchestrator_core.errors import CloudTimeout


class Deadline:
    """A countdown from ``seconds``; cheap to make and to read from any thread.

    Each call has its own deadline, which therefore also identifies the call.
    """

    __slots__ = ("_ends_at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Return whether no time is left."""
        return time.monotonic() >= self._ends_at

    def end(self) -> None:
        """Set the remaining time to zero, because no caller waits for the call any more."""
        self._ends_at = 0.0

    def check(self) -> None:
        """Check the deadline between two steps of a long call.

        Raises:
            CloudTimeout: when the deadline has passed.
        """
        if self.passed:
            raise CloudTimeout(f"No answer within {self.seconds:g} s")
