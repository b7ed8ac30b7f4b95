"""Returns freed memory to the system after long answers."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_DELAY: Final = 1.0
"""Seconds to wait: the answer, and the objects it was made of, are let go meanwhile."""

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
    """Gives memory back a while after it was asked to, at most every 10 seconds."""

    def __init__(self) -> None:
        self._trim = _find_trim()
        self._lock = threading.Lock()
        self._pending = False
        self._last = -_INTERVAL

    def ask(self) -> None:
        with self._lock:
            if self._pending or self._trim is None:
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
        assert self._trim is not None
        self._trim(0)  # ctypes lets go of Python's lock meanwhile


_giver = _Giver()


def give_back_soon() -> None:
    """Have the memory that a long answer took returned to the system, some seconds from now.

    The allocator keeps what is freed. It would also raise its own threshold up to 32 MiB, below
    which blocks are not returned at once, so that one long list would hold its memory for ever.
    """
    _giver.ask()
