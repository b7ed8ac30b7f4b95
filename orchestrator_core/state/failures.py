"""What the log says of a database that cannot be had: at first, now and then, and at the end."""

from __future__ import annotations

import time
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

_AGAIN: Final = 60.0
"""Seconds until the same is told again: every heartbeat, look and request meets it."""


class Failures:
    """Of one database, in one process."""

    def __init__(self) -> None:
        self._why = ""
        self._told_at = 0.0

    def tell(self, why: str) -> None:
        """Say why the database cannot be had, unless that was said just now."""
        clock = time.monotonic()
        if why != self._why or clock - self._told_at >= _AGAIN:
            self._why, self._told_at = why, clock
            _log.error("database failed", why=why)

    def over(self) -> None:
        """Say that it is back, if it was away."""
        if self._why:
            self._why = ""
            _log.info("database is back")
