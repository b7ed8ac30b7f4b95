"""The end of a TLS connection whose client does not answer the notice of the end.

Asyncio sends the notice (close_notify) and waits up to 30 seconds for the client's own. A client
with an idle connection in its pool reads nothing, so it answers only when it uses the connection
again. A worker that is to end would wait for it. RFC 8446 (6.1) requires no wait: a party closes
its sending direction with the notice, and the other direction is of no interest here.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import Final

_LOOK: Final = 0.2
"""The seconds between two looks."""

_LOOKS: Final = 3
"""The looks in a row that find everything sent.

Asyncio's transport below TLS may hold data that the kernel has not taken yet. It passes on more as
soon as the kernel's queue has room, so an empty queue in several looks means that none is left.
"""


class TlsEnd:
    """A watch over a closed TLS connection; it ends once the client has received everything.

    Args:
        loop: the event loop of the connection.
        transport: the transport of the connection, which was closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._found = 0
        self._timer = loop.call_later(_LOOK, self._look)

    def stop(self) -> None:
        """End the watch, because the connection is lost."""
        self._timer.cancel()

    def _look(self) -> None:
        self._found = self._found + 1 if self._is_received() else 0
        if self._found == _LOOKS:
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(_LOOK, self._look)

    def _is_received(self) -> bool:
        """Return whether the client's system has confirmed all that was sent."""
        if self._transport.get_write_buffer_size():
            return False
        try:
            descriptor = self._transport.get_extra_info("socket").fileno()
            queue = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(struct.calcsize("i")))
        except OSError:  # the socket is closed already, or the system has no such call
            return False
        return struct.unpack("i", queue) == (0,)
