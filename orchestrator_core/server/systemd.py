"""Notifications to systemd: the protocol of sd_notify(3).

Gunicorn sends READY before it has forked a worker. It finds no socket here, because the notifier
takes the variables out of the environment; the processes that this one starts inherit none either.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import Final

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")
_MICRO: Final = 1_000_000


class Notifier:
    """The sender of one process's notifications; without a socket it does nothing.

    Args:
        address: the Unix datagram socket of the service manager; empty without one.
        watchdog: the seconds of silence after which the service manager ends the process; None
            without a watchdog.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._interval = None if watchdog is None else watchdog / 2
        self._next = 0.0

    @classmethod
    def take(cls) -> Notifier:
        """Return the notifier of this process, and remove its variables from the environment."""
        address = os.environ.pop(_SOCKET, "")
        microseconds, pid = (os.environ.pop(name, "") for name in _WATCHDOG)
        is_ours = pid in ("", str(os.getpid()))
        watched = microseconds.isdecimal() and int(microseconds) > 0 and is_ours
        return cls(address, int(microseconds) / _MICRO if watched else None)

    def send(self, *lines: str) -> None:
        """Send one notification; a service manager that does not listen is ignored."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)
            sender.sendto("\n".join(lines).encode(), self._address)

    def reloading(self) -> None:
        """Notify that a reload begins; READY ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.send("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=Reloading the settings")

    def stopping(self, seconds: float) -> None:
        """Notify that the process ends, for which it needs some seconds."""
        allowed = int(seconds * _MICRO)
        self.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={allowed}", "STATUS=Finishing requests")

    def keep_alive(self) -> None:
        """Notify the watchdog if it is time; call this at least once a second."""
        now = time.monotonic()
        if self._interval is not None and now >= self._next:
            self._next = now + self._interval
            self.send("WATCHDOG=1")
