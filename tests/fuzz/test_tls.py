"""Raw bytes at a TLS port, before and after the handshake."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from tests.conftest import DUMMY, Serve, Server
from tests.fuzz.raw_inputs import raw_input
from tests.fuzz.runs import Run
from tests.fuzz.watch import Watch
from tests.server.test_tls import TLS, issue

_IDLE = 0.2


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> Server:
    issue(trustme.CA(), tmp_path)
    assert TLS.startswith(DUMMY)
    started = serve(TLS, up=False)
    started.url = started.wait_for_log(re.compile(r"Listening at: (https://\S+) ")).group(1)
    started.wait_for_log("ASGI server listening")
    return started


def test_raw_bytes_leave_no_traceback(server: Server) -> None:
    run, watch = Run.of(300), Watch(server)
    asyncio.run(_send_all(server, run))
    assert watch.new_fault() is None
    assert watch.logged / run.inputs < 100
    watch.check_processes()


async def _send_all(server: Server, run: Run) -> None:
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    places = asyncio.Semaphore(20)

    async def one(number: int) -> None:
        shaken = context if number % 2 else None
        async with places:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(10):
                    await _send(host, int(port), raw_input(run.seed, number).data, shaken)

    await asyncio.gather(*(one(number) for number in range(run.inputs)))


async def _send(host: str, port: int, data: bytes, context: ssl.SSLContext | None) -> None:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(data)
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE):
                await reader.read()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
