"""A clock of this machine that continues while it sleeps, as the database's clock does."""

from __future__ import annotations

import time


def uptime() -> float:
    """Return the seconds since the machine was started; this clock cannot be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
