"""The end of a connection whose client may still be sending.

A system that closes a socket with unread data in it resets the connection, and the client may
lose an answer that it has received but not yet read. So the server closes its own direction,
and reads on for a while without keeping anything.

Source: RFC 9112, 9.6.
"""

from __future__ import annotations

import asyncio
from typing import Final

_SILENCE: Final = 2.0
"""Seconds without a byte after which the client is taken to have seen the answer."""


class Lingering:
    """Drops what a client sends after the last answer, up to a time and a size.

    Args:
        loop: the connection's.
        transport: of the connection.
        seconds: how long at most.
        size: how many bytes at most.
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
        if transport.can_write_eof():  # not with TLS, whose client goes by the answer's length
            transport.write_eof()
        transport.resume_reading()
        self._timer = loop.call_later(min(_SILENCE, seconds), self._end)

    def drop(self, size: int) -> None:
        """Note that so many bytes were dropped."""
        self._size -= size
        self._timer.cancel()
        left = self._ends_at - self._loop.time()
        if self._size < 0 or left <= 0:
            self._end()
        else:
            self._timer = self._loop.call_later(min(_SILENCE, left), self._end)

    def stop(self) -> None:
        """Forget the timer: the connection is gone."""
        self._timer.cancel()

    def _end(self) -> None:
        self._transport.close()
