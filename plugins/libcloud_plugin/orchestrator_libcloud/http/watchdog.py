"""Watchdog that ends calls at their deadlines, with one thread for the whole process.

A socket's own timeout starts again with each byte. A cloud that sends a byte now and then could
therefore hold its thread for ever.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from orchestrator_core import Deadline
from orchestrator_libcloud.http.call import Call

_LONGEST_SLEEP: Final = 3600.0
"""In seconds; a wait for a lock has an upper limit."""


class Watchdog:
    """Watchdog over every call in progress. Its thread starts with the first call."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._calls: set[Call] = set()
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, call: Call) -> Iterator[None]:
        """Abort the call if it still runs at its deadline."""
        with self._condition:
            self._calls.add(call)
            if self._thread is None or not self._thread.is_alive():  # also after a fork
                self._thread = threading.Thread(
                    target=self._run, name="orchestrator-libcloud-watchdog", daemon=True
                )
                self._thread.start()
            elif time.monotonic() + call.deadline.remaining() < self._wakes_at:
                self._condition.notify()
        try:
            yield
        finally:
            with self._condition:
                self._calls.discard(call)

    def abort(self, deadline: Deadline) -> None:
        """End the call with this deadline, if it still runs."""
        with self._condition:
            meant = [call for call in self._calls if call.deadline is deadline]
        for call in meant:
            call.abort()

    def _run(self) -> None:
        while True:
            with self._condition:
                late = [call for call in self._calls if call.deadline.passed]
                self._calls.difference_update(late)
                if not late:
                    self._sleep()
            for call in late:
                call.abort()

    def _sleep(self) -> None:
        ends = (call.deadline.remaining() for call in self._calls)
        left = min(ends, default=_LONGEST_SLEEP)
        self._wakes_at = time.monotonic() + left
        self._condition.wait(min(left, _LONGEST_SLEEP))


watchdog = Watchdog()
"""The watchdog of this process."""
