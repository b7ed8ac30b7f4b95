"""The portions in which the received data of a connection is parsed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

PORTION: Final = 16_384
"""The bytes that are parsed in one step: about 3 ms for the slowest input a client can send. One
read of a socket returns up to 256 KiB, and the event loop would stand still for all of it.
"""


class Intake:
    """The data that is not parsed yet; the connection is not read meanwhile.

    Args:
        loop: the event loop, which runs other tasks between two portions.
        transport: the transport of the connection.
        take: the function that parses a portion.
        resume: the function that is called after the last portion, to continue reading.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        take: Callable[[bytes], None],
        resume: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._take = take
        self._resume = resume
        self._waiting = bytearray()

    def put(self, data: bytes) -> None:
        """Parse the data now, or after the data that already waits."""
        if self._waiting:
            self._waiting += data
        elif len(data) <= PORTION:
            self._take(data)
        else:
            self._waiting += data
            self._go_on()

    @property
    def is_empty(self) -> bool:
        """Return whether all received data has been parsed."""
        return not self._waiting

    def drop(self) -> int:
        """Drop the waiting data; return its size in bytes."""
        size = len(self._waiting)
        self._waiting.clear()
        return size

    def _go_on(self) -> None:
        portion = bytes(self._waiting[:PORTION])
        del self._waiting[:PORTION]
        self._take(portion)
        if self._waiting:
            self._transport.pause_reading()
            self._loop.call_soon(self._go_on)
        else:
            self._resume()
