"""Cheap clients: asyncio's streams and hand-written requests."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


def allow_many_connections() -> None:
    """Raise the limit of open files of this process and its children to the hard limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def get(port: int, path: str) -> tuple[int, float]:
    """Send a request; return the answer's status and the seconds that it took."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_request(path) + b"Connection: close\r\n\r\n")
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer[9:12]), time.perf_counter() - begun


async def get_at_once(port: int, path: str, clients: int) -> list[tuple[int, float]]:
    """Send the same request from ``clients`` clients at the same moment."""
    return list(await asyncio.gather(*(get(port, path) for _ in range(clients))))


@asynccontextmanager
async def waiting(port: int, paths: list[str]) -> AsyncIterator[None]:
    """Keep one client waiting for the answer to each of these paths, until the block ends."""
    async with _sent(port, [_request(path) + b"\r\n" for path in paths]):
        yield


@asynccontextmanager
async def stalled(port: int, clients: int) -> AsyncIterator[None]:
    """Keep ``clients`` clients stalled in the middle of their headers, until the block ends."""
    async with _sent(port, [_request("/api/v1/") + b"X-Slow: "] * clients):
        yield


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode()


@asynccontextmanager
async def _sent(port: int, requests: list[bytes]) -> AsyncIterator[None]:
    writers = []
    for request in requests:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        writers.append(writer)
    try:
        yield
    finally:
        for writer in writers:
            writer.close()


async def exchange(  # noqa: PLR0913, PLR0917 - the parts of an HTTP request
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Send a request with a JSON body on a kept connection; return the answer's body.

    Raises:
        RuntimeError: when the answer is an error.
    """
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        + "\r\n"
    )
    writer.write(head.encode() + body)
    received = await reader.readuntil(b"\r\n\r\n")
    length = int(received.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    answer = await reader.readexactly(length)
    if not received.startswith(b"HTTP/1.1 20"):
        raise RuntimeError(answer.decode())
    return answer
