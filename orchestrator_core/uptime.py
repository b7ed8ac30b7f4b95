"""A clock of this machine that goes on while it sleeps, as the database's does."""

from __future__ import annotations

import time


def uptime() -> float:
    """Return the seconds since the machine was started; nobody sets this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
