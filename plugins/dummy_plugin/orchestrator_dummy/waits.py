"""Calls that wait, each of which can be ended from another thread."""

from __future__ import annotations

import threading

from orchestrator_core import CloudTimeout, Deadline


class Waits:
    """The calls of one cloud that are waiting now."""

    def __init__(self) -> None:
        self._ends: dict[Deadline, threading.Event] = {}
        self._closed = threading.Event()

    def wait(self, deadline: Deadline, seconds: float | None) -> None:
        """Make a call wait.

        Args:
            deadline: the call's own deadline, which identifies the call.
            seconds: the time to wait; None for ever.

        Raises:
            CloudTimeout: the call was ended, or its deadline passed.
        """
        end = self._ends[deadline] = threading.Event()
        try:
            # A caller that ends the call before it is in the table has made its deadline pass
            # first.
            ended = deadline.passed or self._closed.is_set() or end.wait(seconds)
        finally:
            del self._ends[deadline]
        if ended or deadline.passed:
            raise CloudTimeout("The call was aborted while it waited")

    def wait_deaf(self) -> None:
        """Wait until the cloud is closed.

        Raises:
            CloudTimeout: the cloud was closed.
        """
        self._closed.wait()
        raise CloudTimeout("The cloud was closed")

    def end(self, deadline: Deadline) -> None:
        """End the call with this deadline, if it waits."""
        if (waiting := self._ends.get(deadline)) is not None:
            waiting.set()

    def close(self) -> None:
        """End all calls, now and later, the deaf ones too."""
        self._closed.set()
        for waiting in list(self._ends.values()):
            waiting.set()
