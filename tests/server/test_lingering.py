"""The end of a connection whose client has gone before the server noticed it."""

from __future__ import annotations

import asyncio
import socket
import struct

from orchestrator_core.server.lingering import Lingering


def test_a_client_that_has_reset_the_connection_is_no_fault() -> None:
    assert asyncio.run(_linger_after_a_reset())


async def _linger_after_a_reset() -> bool:
    """Return whether the connection's end was seen."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()
    lost = loop.create_future()

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            made.set_result(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(True)

    server = await loop.create_server(Connection, "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname())
    transport = await made
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # which sends a reset; the loop reads it only after this function waits
    lingering = Lingering(loop, transport, 1.0, 1000)
    seen = bool(await asyncio.wait_for(lost, 5))
    lingering.stop()
    server.close()
    return seen
