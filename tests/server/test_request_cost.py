"""The cost of reading a request: in proportion to its length, without blocking the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from gunicorn.config import Config

from orchestrator_core.app import create_app
from orchestrator_core.server.intake import PORTION
from orchestrator_core.server.protocol import Protocol
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import ServerSettings

GET = b"GET /api/v1/ HTTP/1.1\r\nHost: h\r\n"
CHUNKED = b"PUT /api/v1/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
UNLIMITED = ServerSettings(
    limit_request_fields=100_000, limit_request_field_size=1 << 22, limit_request_head=1 << 22
)


class Transport:
    """A connection's end that accepts everything and keeps nothing."""

    answer = b""

    def write(self, data: bytes) -> None:
        self.answer += data

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else None

    def can_write_eof(self) -> bool:
        return True

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_args, **_more: None


class Timed(Protocol):
    """A meter of the longest time for which one portion holds up the event loop."""

    longest = 0.0
    total = 0.0

    def parse(self, data: bytes) -> None:
        # of this thread alone, since other threads may use the processor
        begun = time.thread_time()
        super().parse(data)
        took = time.thread_time() - begun
        self.longest = max(self.longest, took)
        self.total += took


async def application(_scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


async def feed(data: bytes, limits: ServerSettings) -> tuple[Timed, Transport]:
    """Feed a connection data in the pieces of a socket, and let it parse them."""
    config = Config()
    config.set("limit_request_fields", min(limits.limit_request_fields, 32_768))
    config.set("limit_request_field_size", limits.limit_request_field_size)
    log = MagicMock(access_log_enabled=False)
    worker: Any = SimpleNamespace(
        cfg=config,
        log=log,
        asgi=application,
        loop=asyncio.get_running_loop(),
        limits=limits,
        nr_conns=0,
        nr=0,
        alive=True,
        max_requests=1 << 62,
    )
    connection, transport = Timed(worker), Transport()
    connection.connection_made(transport)
    for at in range(0, len(data), 262_144):
        connection.data_received(data[at : at + 262_144])
        for _ in range(262_144 // PORTION):
            await asyncio.sleep(0)
    for _ in range(8):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.sleep(0)
    return connection, transport


def fields(count: int, name: bytes, value: bytes) -> bytes:
    return GET + b"".join(b"%b%d: %b\r\n" % (name, n, value) for n in range(count)) + b"\r\n"


HEADS: dict[str, Callable[[int], bytes]] = {
    "short fields": lambda size: fields(size // 10, b"x", b"1"),
    "one long value": lambda size: fields(1, b"x", b"v" * size),
    "one long name": lambda size: fields(1, b"n" * size, b"v"),
    "blanks": lambda size: fields(1, b"x", b"v" + b" " * size + b"v"),
    "unread line": lambda size: GET + b"x" * size,
    "connection options": lambda size: GET + b"Connection: %b\r\n\r\n" % (b"close," * (size // 6)),
    "empty lines": lambda size: b"\r\n" * (size // 2) + GET + b"\r\n",
    "pipelined": lambda size: (GET + b"\r\n") * (size // len(GET)),
    "transfer codings": lambda size: (
        GET + b"Transfer-Encoding: %b\r\n\r\n" % (b"identity," * (size // 9))
    ),
    "a host": lambda size: b"GET / HTTP/1.1\r\nHost: " + b"%41" * (size // 3) + b"\r\n\r\n",
    "an absolute target": lambda size: b"GET http://h/%b HTTP/1.1\r\n\r\n" % (b"a?" * (size // 2)),
    "prefixes": lambda size: GET + b"X-Forwarded-Prefix: %b\r\n\r\n" % (b"/a," * (size // 3)),
}
BODIES: dict[str, Callable[[int], bytes]] = {
    "chunks of one byte": lambda size: CHUNKED + b"1\r\nx\r\n" * (size // 6),
    "chunks of 64 bytes": lambda size: CHUNKED + b"40\r\n%b\r\n" % (b"x" * 64) * (size // 70),
    "long chunk sizes": lambda size: CHUNKED + (b"0" * 8000 + b"1\r\nx\r\n") * (size // 8005 + 1),
    "chunk extensions": lambda size: CHUNKED + (b"1;" + b"a=b;" * 2000) * (size // 8000 + 1),
    "trailers": lambda size: CHUNKED + b"0\r\n" + b"x: y\r\n" * (size // 6),
    "one chunk": lambda size: CHUNKED + b"%x\r\n" % size + b"x" * size,
}


MOST_SECONDS = 0.01


def longest(data: bytes, limits: ServerSettings) -> float:
    return min(asyncio.run(feed(data, limits))[0].longest for _ in range(5))


def total(data: bytes) -> float:
    return min(asyncio.run(feed(data, UNLIMITED))[0].total for _ in range(5))


@pytest.mark.parametrize("kind", HEADS)
def test_no_head_within_the_limits_holds_the_event_loop_up(kind: str) -> None:
    limits = ServerSettings(limit_request_field_size=32_768)
    assert longest(HEADS[kind](32_000), limits) < MOST_SECONDS


@pytest.mark.parametrize("kind", ["empty lines", "pipelined", *BODIES])
def test_nothing_that_one_read_gives_holds_the_event_loop_up(kind: str) -> None:
    data = {**HEADS, **BODIES}[kind](262_144)
    assert longest(data, ServerSettings()) < MOST_SECONDS


@pytest.mark.parametrize("kind", [*HEADS, *BODIES])
def test_four_times_the_bytes_cost_about_four_times(kind: str) -> None:
    make = {**HEADS, **BODIES}[kind]
    # A quadratic cost would be 16 times; a request that is refused at once costs next to nothing.
    assert total(make(2**18)) < 9 * total(make(2**16)) + 0.001


def test_a_head_of_more_than_its_limit_is_refused_as_its_bytes_come_in() -> None:
    head = fields(40, b"x", b"v" * 1000)
    limits = ServerSettings(limit_request_head=10_000)
    _, transport = asyncio.run(feed(head[:12_000], limits))  # Its end has not even arrived.
    assert transport.answer.startswith(b"HTTP/1.1 431 ")
    _, transport = asyncio.run(feed(fields(9, b"x", b"v" * 1000), limits))
    assert transport.answer.startswith(b"HTTP/1.1 200 ")


SETTINGS = """
default_cloud = "fake_driver"
[state]
url = "sqlite:///s.db"
worker = false
[clouds.fake_driver]
driver = "dummy"
assignment = "given"
hints = true
[assignments.given]
backend = "given"
"""
HEADERS: dict[str, Callable[[int], bytes]] = {
    "authorization": lambda size: b"Bearer " + b"x" * size,
    "cache-control": lambda size: b"max-age=1," * (size // 10),
    "x-cloud-hints": lambda size: b"a=b;" * (size // 4),
    "x-request-id": lambda size: b"a" * size,
    "prefer": lambda size: b"a;b," * (size // 4),
    "idempotency-key": lambda size: b"k" * size,
    "origin": lambda size: b"http://" + b"[" * size,
    "cookie": lambda size: b"a=b; " * (size // 5),
    "content-type": lambda size: b"application/json;" + b"a=b;" * (size // 4),
    "x-forwarded-for": lambda size: b"1.1.1.1," * (size // 8),
}
QUERIES: dict[str, Callable[[int], bytes]] = {
    "limit": lambda size: b"limit=" + b"9" * size,
    "many": lambda size: b"a=1&" * (size // 4),
    "one many times": lambda size: b"limit=1&" * (size // 8),
    "ampersands": lambda size: b"&" * size,
    "percent": lambda size: b"cursor=" + b"%41" * (size // 3),
    "not UTF-8": lambda size: b"cursor=" + b"%ff" * (size // 3),
    "commas": lambda size: b"clouds=" + b"fake_driver," * (size // 12),
    "clouds": lambda size: b"clouds=" + b"a," * (size // 2),
    "cloud": lambda size: b"cloud=" + b"f" * size,
    "state": lambda size: b"state=" + b"f" * size,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("cost") / "orchestrator.toml"
    file.write_text(SETTINGS)
    return create_app(load_settings(file))


def seconds_of(
    app: Any, method: str, path: str, query: bytes = b"", header: tuple[bytes, bytes] | None = None
) -> float:
    """Return the seconds that a request costs the event loop's thread."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"localhost"), *([header] if header else [])],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    answered: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answered.append(message.get("status", 0))

    async def once() -> float:
        begun = time.thread_time()
        await app(dict(scope), receive, send)
        return time.thread_time() - begun

    took = min(asyncio.run(once()) for _ in range(3))
    assert answered[0] in {200, 400, 403, 404, 415, 500}
    return took


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_at_its_limit_holds_the_event_loop_up(app: Any, name: str) -> None:
    def of(size: int) -> float:
        header = (name.encode(), HEADERS[name](size))
        get = seconds_of(app, "GET", "/api/v1/images", header=header)
        return max(get, seconds_of(app, "PUT", "/api/v1/vm/stop", header=header))

    assert of(8_000) < MOST_SECONDS
    assert of(32_000) < 9 * of(8_000) + 0.001


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/api/v2/nodes", "/api/v2/operations"])
@pytest.mark.parametrize("kind", QUERIES)
def test_no_query_at_its_limit_holds_the_event_loop_up(app: Any, kind: str, path: str) -> None:
    def of(size: int) -> float:
        return seconds_of(app, "GET", path, QUERIES[kind](size))

    assert of(4_000) < MOST_SECONDS
    assert of(16_000) < 9 * of(4_000) + 0.001
