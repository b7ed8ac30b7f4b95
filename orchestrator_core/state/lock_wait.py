"""The time that a transaction may wait for SQLite's locks, counted from when it was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LOCK_SECONDS: Final = 30.0
"""How long a caller waits for a lock that another process holds, the queue before it included."""


class LockTimeoutError(Exception):
    """Another process has held SQLite's lock for as long as a transaction may wait."""


class _Wait(threading.local):
    until: float | None = None


_wait = _Wait()


@contextmanager
def waiting_since(asked_at: float) -> Iterator[None]:
    """Have this thread's transactions wait for a lock no longer than callers may.

    Args:
        asked_at: the moment of the monotonic clock at which the transaction was asked for. Without
            it each of those that wait in a queue would wait for the whole time once more.
    """
    before, _wait.until = _wait.until, asked_at + LOCK_SECONDS
    try:
        yield
    finally:
        _wait.until = before


def seconds_left() -> float:
    """Return how long this thread may still wait for a lock: 0 or more."""
    if _wait.until is None:
        return LOCK_SECONDS
    return max(0.0, _wait.until - time.monotonic())


def busy_timeout() -> str:
    """Return the statement that has SQLite itself wait for a lock no longer than that."""
    return f"PRAGMA busy_timeout = {round(seconds_left() * 1000)}"
