"""Stops asking a cloud that fails again and again, and finds out when it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from orchestrator_core.errors import CircuitOpen


class Circuit(Enum):
    """How a breaker stands: closed lets calls through, open does not, half-open lets one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts failures in a row; used from one event loop at a time.

    Args:
        title: ``Cloud aws`` say; begins every message.
        failures: how many in a row open it.
        seconds: how long it stays open before one call is let through as a probe. It
            doubles with each probe that fails, up to eight times as long.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        title: str,
        *,
        failures: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self.failures = 0
        self._opened = 0
        self._open_until = 0.0
        self._probing = False
        self._why = ""

    @property
    def circuit(self) -> Circuit:
        """How it stands now."""
        if not self._opened:
            return Circuit.CLOSED
        return Circuit.OPEN if self._clock() < self._open_until else Circuit.HALF_OPEN

    @property
    def retry_after(self) -> float | None:
        """Seconds until a call may be let through again; None when one may be now."""
        left = self._open_until - self._clock()
        return left if self._opened and left > 0 else None

    def admit(self) -> bool:
        """Let a call through, or not; whether it is a probe.

        Raises:
            CircuitOpen: while the circuit is open, or half-open with its probe under way.
        """
        now = self._clock()
        if not self._opened:
            return False
        if now < self._open_until or self._probing:
            raise CircuitOpen(
                f"{self._title} is not asked for a while, since it keeps failing: {self._why}",
                retry_after=max(self._open_until - now, 1.0),
            )
        self._probing = True
        return True

    def answered(self, *, probe: bool) -> None:
        """Note that the cloud answered, be it with a refusal."""
        if self._opened and not probe:
            return  # a call from before the circuit opened says nothing of now
        self.failures = self._opened = 0
        self._probing = False

    def failed(self, why: str, *, probe: bool) -> None:
        """Note that the cloud did not answer, or could not."""
        self.failures += 1
        self._why = why
        if probe or (not self._opened and self.failures >= self._most):
            self._open_until = self._clock() + self._seconds * min(2**self._opened, 8)
            self._opened += 1
        if probe:
            self._probing = False

    def ended(self, *, probe: bool) -> None:
        """Note that a call ended without telling anything of the cloud."""
        if probe:
            self._probing = False
