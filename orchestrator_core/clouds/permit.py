"""Permits, which fix the moment from which a change has begun and cannot be withdrawn."""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator_core.errors import CloudError


class Withdrawn(CloudError):
    """The change was withdrawn before it began."""


class Permit:
    """The permit of a change to begin; asked in a cloud's thread, withdrawn in the event loop.

    Attributes:
        attempts: the number of attempts of the change in the cloud.
        check: a function that runs first and raises when this process must not begin anything.
    """

    def __init__(self) -> None:
        self.attempts = 1
        self.check: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._begun = self._withdrawn = False

    @property
    def begun(self) -> bool:
        """Whether the change has begun; the cloud may have changed already."""
        return self._begun

    def begin(self) -> None:
        """Mark the change as begun; a retry calls this method again.

        Raises:
            Withdrawn: when the permit was withdrawn before.
            OrchestratorError: any error that ``check`` raises.
        """
        if self.check is not None:
            self.check()
        with self._lock:
            if self._withdrawn:
                raise Withdrawn("The change was withdrawn before it began")
            self._begun = True

    def withdraw(self) -> bool:
        """Prevent the change from beginning; return False when it has begun already.

        Call this before recording that nothing was begun. Otherwise a late thread could begin the
        change after that.
        """
        with self._lock:
            self._withdrawn = not self._begun
            return self._withdrawn
