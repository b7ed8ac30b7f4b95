"""Aborts of a plugin's calls for which no caller waits any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from orchestrator_core.deadline import Deadline

Abort = Callable[[Deadline], object]
"""A function that aborts the call with the given deadline; it may block, and never raises."""

_MOST_WAITING: Final = 1024
"""Number of aborts that wait at most while a plugin's ``abort`` hangs; further ones are dropped."""

_IDLE_SECONDS: Final = 10.0


class Aborter:
    """Queue of aborts, run in a separate thread that lives only while there are aborts to run.

    Args:
        name: the name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # Not a Queue with a limit: that takes 5 KB, and each cloud has two aborters.
        self._queue: SimpleQueue[tuple[Abort, Deadline]] = SimpleQueue()
        self._lock = threading.Lock()
        self._alive = False

    def call(self, abort: Abort, deadline: Deadline) -> None:
        """Schedule ``abort(deadline)`` to run soon; never block."""
        with self._lock:
            if self._queue.qsize() >= _MOST_WAITING:
                return
            self._queue.put((abort, deadline))
            if self._alive:
                return
            self._alive = True
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # The machine has no thread left; the next call tries again.
            self._alive = False

    def _work(self) -> None:
        while True:
            try:
                abort, deadline = self._queue.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._queue.empty():
                        self._alive = False
                        return
                continue
            abort(deadline)
            del abort, deadline
