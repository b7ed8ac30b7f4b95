"""Hands what a connection receives to the parser in portions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

PORTION: Final = 16_384
"""Bytes that are parsed in one go: about 3 ms of the slowest that a client can send. One read of
a socket gives up to 256 KiB, and the event loop would stand still for all of them."""


class Intake:
    """Keeps what is not parsed yet; the connection is not read meanwhile.

    Args:
        loop: free for others between two portions.
        transport: of the connection.
        take: parses a portion.
        resume: called once all is parsed, to read on.
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
        """Parse data, now or after what waits already."""
        if self._waiting:
            self._waiting += data
        elif len(data) <= PORTION:
            self._take(data)
        else:
            self._waiting += data
            self._go_on()

    @property
    def is_empty(self) -> bool:
        """Whether everything that was received has been parsed."""
        return not self._waiting

    def drop(self) -> int:
        """Forget what waits; return how many bytes it was."""
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
