"""Calls that take their time, each of which can be ended from outside."""

from __future__ import annotations

import threading

from orchestrator_core import CloudTimeout, Deadline


class Waits:
    """The calls of one cloud that wait just now."""

    def __init__(self) -> None:
        self._ends: dict[Deadline, threading.Event] = {}
        self._closed = threading.Event()

    def wait(self, deadline: Deadline, seconds: float | None) -> None:
        """Let a call wait.

        Args:
            deadline: the call's own; says which call it is.
            seconds: how long; None for ever.

        Raises:
            CloudTimeout: when it was told to end, or waited longer than its deadline.
        """
        end = self._ends[deadline] = threading.Event()
        try:
            # Whoever ended the call before it stood in the table has let its deadline pass first.
            ended = deadline.passed or self._closed.is_set() or end.wait(seconds)
        finally:
            del self._ends[deadline]
        if ended or deadline.passed:
            raise CloudTimeout("The call was given up while it waited")

    def wait_deaf(self) -> None:
        """Wait until everything ends.

        Raises:
            CloudTimeout: then.
        """
        self._closed.wait()
        raise CloudTimeout("The cloud was closed")

    def end(self, deadline: Deadline) -> None:
        """End the call with this deadline, if it waits."""
        if (waiting := self._ends.get(deadline)) is not None:
            waiting.set()

    def close(self) -> None:
        """End all of them, now and later, the deaf ones too."""
        self._closed.set()
        for waiting in list(self._ends.values()):
            waiting.set()
