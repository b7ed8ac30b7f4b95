"""The moment from which a change is under way and no caller can take it back."""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator_core.errors import CloudError


class Withdrawn(CloudError):
    """The change was given up before it began."""


class Permit:
    """Whether a change may still begin; asked in a cloud's thread, withdrawn in the event loop.

    Attributes:
        attempts: how many times the cloud has been asked for it.
        check: asked first; raises when this process must not begin anything.
    """

    def __init__(self) -> None:
        self.attempts = 1
        self.check: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._begun = self._withdrawn = False

    @property
    def begun(self) -> bool:
        """Whether something may have been changed already."""
        return self._begun

    def begin(self) -> None:
        """From here on the change is under way. May be called again, for a repeat.

        Raises:
            Withdrawn: when it was withdrawn before.
            OrchestratorError: what ``check`` raises.
        """
        if self.check is not None:
            self.check()
        with self._lock:
            if self._withdrawn:
                raise Withdrawn("The change was given up before it began")
            self._begun = True

    def withdraw(self) -> bool:
        """Let the change not begin any more; False when it has begun already.

        Whoever writes down that nothing was begun asks this first: a thread that comes late
        would begin it after that.
        """
        with self._lock:
            self._withdrawn = not self._begun
            return self._withdrawn
