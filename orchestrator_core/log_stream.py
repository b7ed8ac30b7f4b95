"""The stream of the log, to which writing neither fails nor blocks for long."""

from __future__ import annotations

import fcntl
import os
import select
import stat
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_PATIENCE: Final = 0.5
"""The seconds to wait for the reader of a full pipe before lines are dropped."""

_PAGE: Final = 4096
"""The bytes that a pipe takes without blocking when it polls as writable (Linux's ``PIPE_BUF``)."""

_MOST_BYTES: Final = 4
"""The bytes of a character in UTF-8, at most."""

_PAUSE: Final = 0.005
"""The seconds between two looks at a pipe that has room, but not for the whole line."""


class LogStream:
    """The standard error stream for log lines.

    The reader of a pipe may end or stall, and a disk may be full. The server has to continue in
    these cases. Lines that cannot be written are dropped, and their number is logged once writing
    works again.

    Args:
        stream: the text stream, such as ``sys.stderr``.
        dropped_line: the function that makes the line about this many dropped lines.
    """

    def __init__(
        self, stream: Any, dropped_line: Callable[[int], str] = "{} log lines lost\n".format
    ) -> None:
        self._stream = stream
        self._dropped_line = dropped_line
        self._lock = threading.Lock()
        self._dropped = 0
        self._pipe = _pipe_of(stream)

    def write(self, text: str) -> int:
        """Write a line, or drop it."""
        with self._lock:
            about = self._dropped_line(self._dropped) if self._dropped else ""
            self._dropped = 0 if self._write(about + text) else self._dropped + 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: each line is flushed as it is written."""

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return bool(self._stream.isatty())

    def _write(self, text: str) -> bool:
        # After the first dropped line there is no more waiting: each line would take as long.
        patience = 0.0 if self._dropped else _PATIENCE
        for part in self._parts(text):
            if not (self._pipe is None or _has_room(self._pipe, len(part.encode()), patience)):
                return False
            try:
                self._stream.write(part)
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream is closed
                return False
        return True

    def _parts(self, text: str) -> list[str]:
        """Return what is written with one system call each: other processes write there, too.

        That is the whole line, unless a pipe cannot hold it even when it is empty.
        """
        if self._pipe is None or _fits(self._pipe, len(text.encode()), is_empty=True):
            return [text]
        size = _PAGE // _MOST_BYTES
        return [text[begin : begin + size] for begin in range(0, len(text), size)]


def _has_room(descriptor: int, size: int, patience: float) -> bool:
    """Wait until this many bytes can be written without blocking; return whether they can."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    ends_at = time.monotonic() + patience
    with suppress(OSError):  # the write itself will tell
        while poll.poll(1000 * max(0.0, ends_at - time.monotonic())):
            if _fits(descriptor, size):
                return True
            if time.monotonic() >= ends_at:
                return False
            time.sleep(_PAUSE)
        return False
    return True


def _fits(descriptor: int, size: int, *, is_empty: bool = False) -> bool:
    """Return whether a pipe that polls as writable, or an empty one, has room for a write.

    A pipe counts pages, not bytes. Two writes share a page if both fit into it, so the pages are
    at least half full on average, save the first and the last one.
    """
    if size <= _PAGE:
        return True
    try:
        pages = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) // _PAGE
    except OSError:
        return True  # a socket takes more than a line when it polls as writable
    waiting = 0 if is_empty else _waiting_bytes(descriptor)
    return -(-size // _PAGE) <= pages - 2 * -(-waiting // _PAGE) - 2


def _waiting_bytes(descriptor: int) -> int:
    """Return how many bytes of a pipe are not read yet."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


def _pipe_of(stream: Any) -> int | None:
    """Return the descriptor of a stream that is a pipe or a socket; None for any other."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor: int = stream.fileno()
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return descriptor
    return None
