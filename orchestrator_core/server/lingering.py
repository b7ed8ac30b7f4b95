"""The end of a connection whose client may still be sending.

An operating system that closes a socket with unread data resets the connection. The client may then
lose an answer that it has received but not yet read. The server therefore closes only its sending
direction, and for a while reads and drops what arrives.

Source: RFC 9112, 9.6.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

_SILENCE: Final = 2.0
"""The seconds without a byte after which the client has presumably seen the answer."""


class Lingering:
    """A reader that drops what a client sends after the last answer, within a time and a size.

    Args:
        loop: the event loop of the connection.
        transport: the transport of the connection.
        seconds: the longest time.
        size: the most bytes.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        seconds: float,
        size: int,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._size = size
        self._ends_at = loop.time() + seconds
        # The client may have reset the connection, and the loop has not read that yet.
        with suppress(OSError):
            if transport.can_write_eof():  # not with TLS: its clients use the length
                transport.write_eof()
        transport.resume_reading()
        self._timer = loop.call_later(min(_SILENCE, seconds), self._end)

    def drop(self, size: int) -> None:
        """Count dropped bytes."""
        self._size -= size
        self._timer.cancel()
        left = self._ends_at - self._loop.time()
        if self._size < 0 or left <= 0:
            self._end()
        else:
            self._timer = self._loop.call_later(min(_SILENCE, left), self._end)

    def stop(self) -> None:
        """Cancel the timer, because the connection is closed."""
        self._timer.cancel()

    def _end(self) -> None:
        self._transport.close()
