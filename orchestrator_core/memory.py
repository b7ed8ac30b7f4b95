"""The return of the memory of long answers to the operating system.

Three things keep this memory otherwise:

- Objects in cycles wait for a full collection, which comes after a million allocations. SDKs make
  such cycles of a connection and its answer.
- The C library keeps freed blocks in the arena of each thread.
- The C library raises its own threshold up to 32 MiB, and does not return smaller blocks at once
  (mallopt(3), M_MMAP_THRESHOLD). One long list would hold its memory until the process ends.

Fewer arenas (MALLOC_ARENA_MAX) would make the threads wait for each other and return nothing.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_DELAY: Final = 2.0
"""The seconds to wait, so that the answer's objects are released first. A collection then takes
some milliseconds, or 30 ms if an SDK has left 8,000 parsed nodes in a cycle.
"""

_INTERVAL: Final = 10.0


def _find_trim() -> Callable[[int], Any] | None:
    """Return ``malloc_trim`` of glibc; None with another C library.

    Source: malloc_trim(3). Since glibc 2.8 it returns every free page of every arena, not only
    those at the end of the heap.
    """
    with suppress(OSError, AttributeError):
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
        return trim
    return None


class _Giver:
    """A timer that returns memory some time after a request, at most every 10 seconds."""

    def __init__(self) -> None:
        self._trim = _find_trim()
        self._lock = threading.Lock()
        self._pending = False
        self._last = -_INTERVAL

    def ask(self) -> None:
        with self._lock:
            if self._pending:
                return
            self._pending = True
            wait = max(_DELAY, self._last + _INTERVAL - time.monotonic())
        timer = threading.Timer(wait, self._give)
        timer.daemon = True
        timer.start()

    def _give(self) -> None:
        with self._lock:
            self._pending = False
            self._last = time.monotonic()
        gc.collect()
        if self._trim is not None:
            self._trim(0)  # ctypes releases Python's lock meanwhile


_giver = _Giver()


def trim_soon() -> None:
    """Return the memory of a long answer to the system some seconds from now."""
    _giver.ask()
