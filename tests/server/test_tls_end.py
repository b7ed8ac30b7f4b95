"""The end of TLS connections: it waits for no idle client, and cuts no answer short."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import trustme

from orchestrator_core.server.tls_end import TlsEnd
from tests.conftest import Serve, Server
from tests.server.test_tls import TLS, issue
from tests.stateful import wait_for

WHOLE: Final = os.urandom(3_000_000)
PAUSE: Final = 2.5
"""Seconds, several times what the server waits once everything is received."""


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> Server:
    issue(trustme.CA(), tmp_path)
    started = serve(TLS, up=False)
    started.url = started.wait_for_log(r"Listening at: (https://\S+) ").group(1)
    started.wait_for_log("ASGI server listening on https")
    return started


def connect(address: tuple[str, int], window: int = 0) -> ssl.SSLSocket:
    """Return a connection of a client that takes little ahead if ``window`` is set (bytes)."""
    plain = socket.socket()
    if window:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    plain.settimeout(20)
    plain.connect(address)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def test_an_idle_connection_keeps_no_worker_from_ending(server: Server) -> None:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    with connect((parts.hostname, parts.port)) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        old = server.workers()
        server.signal(signal.SIGHUP)
        wait_for(server.workers, lambda now: len(now) > len(old))  # the reload has begun
        begun = time.monotonic()
        server.wait_for_new_workers(old)
        # Asyncio alone waits for 30 seconds.
        assert time.monotonic() - begun < 15
        assert connection.recv(65536) == b""  # an end by notice, and no reset


class Sender(asyncio.Protocol):
    """A server that sends everything at once and closes, as the last answer of a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        # What the kernel does not take stays in asyncio's own buffers.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        transport.write(WHOLE)
        transport.close()
        self.end = TlsEnd(asyncio.get_running_loop(), transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self.end.stop()


@pytest.mark.anyio
async def test_an_answer_that_is_read_slowly_is_not_cut(tmp_path: Path) -> None:
    issue(trustme.CA(), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sender, "127.0.0.1", 0, ssl=context)

    def read() -> bytes:
        with connect(server.sockets[0].getsockname(), window=4096) as connection:
            received = b""
            for most in (len(WHOLE) // 2, len(WHOLE) // 4, len(WHOLE)):
                time.sleep(PAUSE)
                upto = len(received) + most
                while len(received) < upto and (part := connection.recv(65536)):
                    received += part
            return received

    async with server:
        assert await asyncio.to_thread(read) == WHOLE
