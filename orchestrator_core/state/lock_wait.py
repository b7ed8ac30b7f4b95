"""The time that a transaction may wait for SQLite's locks, counted from its request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LOCK_SECONDS: Final = 30.0
"""The longest wait for a lock that another process holds, including the time in the queue."""


class LockTimeoutError(Exception):
    """Another process has held SQLite's lock for as long as a transaction may wait."""


class _Wait(threading.local):
    until: float | None = None


_wait = _Wait()


@contextmanager
def waiting_since(asked_at: float) -> Iterator[None]:
    """Limit the time for which this thread's transactions wait for a lock.

    Args:
        asked_at: The time when the transaction was requested, by the monotonic clock. Without it,
            each queued transaction would wait for the whole time again.
    """
    before, _wait.until = _wait.until, asked_at + LOCK_SECONDS
    try:
        yield
    finally:
        _wait.until = before


def seconds_left() -> float:
    """Return the seconds for which this thread may still wait for a lock: 0 or more."""
    if _wait.until is None:
        return LOCK_SECONDS
    return max(0.0, _wait.until - time.monotonic())


def busy_timeout() -> str:
    """Return the statement that limits SQLite's own wait for a lock to :func:`seconds_left`."""
    return f"PRAGMA busy_timeout = {round(seconds_left() * 1000)}"
