"""The circuit breaker, which stops calls to a failing cloud and probes whether it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from orchestrator_core.errors import CircuitOpen


class Circuit(Enum):
    """The state of a breaker: closed admits calls, open refuses them, half-open admits one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counter of consecutive failures; used from one event loop at a time.

    Args:
        title: the beginning of every message, for example ``Cloud aws``.
        failures: the number of consecutive failures that opens the circuit.
        seconds: the time for which the circuit stays open before one call is admitted as a probe.
            It doubles with each probe that fails, up to eight times the value.
        clock: a clock in seconds that never goes backwards.
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
        """The current state of the circuit."""
        if not self._opened:
            return Circuit.CLOSED
        return Circuit.OPEN if self._clock() < self._open_until else Circuit.HALF_OPEN

    @property
    def retry_after(self) -> float | None:
        """Seconds until a call may be admitted again; None when one may be admitted now."""
        left = self._open_until - self._clock()
        return left if self._opened and left > 0 else None

    def admit(self) -> bool:
        """Admit a call; return whether it is a probe.

        Raises:
            CircuitOpen: when the circuit is open, or half-open with its probe still running.
        """
        now = self._clock()
        if not self._opened:
            return False
        if now < self._open_until or self._probing:
            raise CircuitOpen(
                f"{self._title} is not called for a while, because it keeps failing: {self._why}",
                retry_after=max(self._open_until - now, 1.0),
            )
        self._probing = True
        return True

    def answered(self, *, probe: bool) -> None:
        """Record that the cloud answered, possibly with a refusal."""
        if self._opened and not probe:
            return  # A call that began before the circuit opened does not show the current state.
        self.failures = self._opened = 0
        self._probing = False

    def failed(self, why: str, *, probe: bool) -> None:
        """Record that the cloud failed or did not answer."""
        self.failures += 1
        self._why = why
        if probe or (not self._opened and self.failures >= self._most):
            self._open_until = self._clock() + self._seconds * min(2**self._opened, 8)
            self._opened += 1
        if probe:
            self._probing = False

    def ended(self, *, probe: bool) -> None:
        """Record the end of a call that shows nothing about the cloud's state."""
        if probe:
            self._probing = False
