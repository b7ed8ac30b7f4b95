"""Tells a plugin which of its calls nobody waits for any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, Full, Queue
from typing import Final

from orchestrator_core.deadline import Deadline

Abort = Callable[[Deadline], object]
"""Makes the call end that was given this deadline; may block, and never raises."""

_MOST_WAITING: Final = 1024
"""A plugin whose ``abort`` hangs is told of no more calls than these."""

_IDLE_SECONDS: Final = 10.0


class Aborter:
    """Runs ``abort`` in a thread of its own, which lives only while there is something to do.

    Args:
        name: the thread's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: Queue[tuple[Abort, Deadline]] = Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._alive = False

    def tell(self, abort: Abort, deadline: Deadline) -> None:
        """Have ``abort(deadline)`` called soon; never blocks."""
        try:
            self._queue.put_nowait((abort, deadline))
        except Full:
            return
        with self._lock:
            if self._alive:
                return
            self._alive = True
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the machine has none left; the next call tries again
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
