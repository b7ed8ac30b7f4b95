"""The patience of idle threads: how long a thread that has no work stays before it ends.

A thread that stays keeps the connections that its driver has made in it, and spares the next call
the start of a thread (about 0.1 ms). But a thread of a cloud that is seldom used costs about 0.2 MB
with what a driver keeps in it, and a server may have a thousand clouds.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

T = TypeVar("T")

LONG_SECONDS: Final = 60.0
"""Seconds for which a thread waits while few threads of the process are idle."""

SHORT_SECONDS: Final = 1.0
"""Seconds for which a thread waits while many are."""

FEW: Final = 32
"""Number of idle threads of a process that may wait for long: four clouds with eight threads."""


class IdleThreads:
    """The number of idle threads of a process, which decides how long each of them waits.

    Args:
        few: the number of idle threads that may wait for long.
        long: the seconds for which those wait.
        short: the seconds for which the others wait.
    """

    def __init__(
        self, few: int = FEW, long: float = LONG_SECONDS, short: float = SHORT_SECONDS
    ) -> None:
        self._few = few
        self._long = long
        self._short = short
        self._lock = threading.Lock()
        self._idle = 0

    def wait(self, queue: SimpleQueue[T]) -> T | None:
        """Return the next item of a queue, or None after too long a wait; for an idle thread."""
        with self._lock:
            self._idle += 1
            seconds = self._long if self._idle <= self._few else self._short
        try:
            return queue.get(timeout=seconds)
        except Empty:
            return None
        finally:
            with self._lock:
                self._idle -= 1


OF_THIS_PROCESS: Final = IdleThreads()
"""The idle threads of all clouds, backends and extensions of this process."""
