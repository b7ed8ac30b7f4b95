"""The stream of the log, to which writing neither fails nor blocks for long."""

from __future__ import annotations

import os
import select
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_PART: Final = 2048
"""The characters written at once: a pipe that polls as writable takes a page without blocking."""

_PATIENCE: Final = 0.5
"""The seconds to wait for the reader of a full pipe before lines are dropped."""


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
            if self._dropped and self._write(self._dropped_line(self._dropped)):
                self._dropped = 0
            if not self._write(text):
                self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: each line is flushed as it is written."""

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return bool(self._stream.isatty())

    def _write(self, text: str) -> bool:
        for begin in range(0, len(text), _PART):
            if not self._is_writable():
                return False
            try:
                self._stream.write(text[begin : begin + _PART])
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream is closed
                return False
        return True

    def _is_writable(self) -> bool:
        if self._pipe is None:
            return True
        # After the first dropped line there is no more waiting: each line would take as long.
        patience = 0.0 if self._dropped else _PATIENCE
        ends_at = time.monotonic() + patience
        poll = select.poll()
        poll.register(self._pipe, select.POLLOUT)
        with suppress(OSError):
            return bool(poll.poll(1000 * max(0.0, ends_at - time.monotonic())))
        return True


def _pipe_of(stream: Any) -> int | None:
    """Return the descriptor of a stream that is a pipe or a socket; None for any other."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor: int = stream.fileno()
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return descriptor
    return None
