"""Log lines about outages of a database: the beginning, reminders and the end."""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

_AGAIN: Final = 60.0
"""Seconds between two reminders of an outage, because each heartbeat, scan and request fails."""


class Failures:
    """The outages of one database, in one process.

    An outage begins with the first transaction that fails. It ends with the first that succeeds.
    If a write has failed, it ends only with the first write that succeeds, because a locked SQLite
    database can still be read.

    Args:
        is_logged: Whether to log them. A command prints the reason itself.
    """

    def __init__(self, *, is_logged: bool = True) -> None:
        self._is_logged = is_logged
        self._lock = threading.Lock()
        self._logged: set[str] = set()
        self._logged_at = 0.0
        self._began = 0.0
        self._failed = 0
        self._writes = False

    def report(self, why: str, *, writes: bool) -> None:
        """Log why the database cannot be used, unless that was logged recently.

        Args:
            why: The reason.
            writes: Whether a writing transaction has failed.
        """
        if not self._is_logged:
            return
        clock = time.monotonic()
        with self._lock:
            if not self._logged:
                self._began = clock
            self._failed += 1
            self._writes = self._writes or writes
            if why in self._logged and clock - self._logged_at < _AGAIN:
                return
            self._logged.add(why)
            self._logged_at = clock
            failed = self._failed
        _log.error("database failed", why=why, failures=failed)

    def over(self, *, writes: bool) -> None:
        """Log the end of an outage, if there is one, with its length and number of failures.

        Args:
            writes: Whether a writing transaction has succeeded.
        """
        if not self._logged:
            return
        with self._lock:
            if not self._logged or (self._writes and not writes):
                return
            seconds, failed = time.monotonic() - self._began, self._failed
            self._logged, self._failed, self._writes = set(), 0, False
        _log.info("database is back", failures=failed, seconds=round(seconds, 1))
