"""Arbitrary bytes from a client: HTTP answers, and no traceback in the log."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests import loopback
from tests.conftest import Server, running

SETTINGS = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
[server]
header_timeout = 2
body_timeout = 2
"""
JSON = b"Host: localhost\r\nContent-Type: application/json\r\n"
START = b"POST /api/v1/vm/start HTTP/1.1\r\n" + JSON
NODE = b'{"name": "n", "image": "1", "size": "1"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(SETTINGS, tmp_path_factory.mktemp("raw")) as running_server:
        yield running_server


def exchange(server: Server, *parts: bytes) -> bytes:
    """Send parts, then return all output of the server until it closes."""
    received = b""
    with socket.create_connection(server.address, timeout=10) as connection:
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
    return received


def error_of(answer: bytes) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return error


def chunked(body: bytes, size: int) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "length", ["9" * 5000, "-1", "+1", "1_000", "0x10", "1 2", "", "1,1", "\u0661", "1e3", "1" * 30]
)
def test_a_content_length_that_is_none_is_refused_in_one_line(server: Server, length: str) -> None:
    said = server.log()
    head = START + b"Content-Length: " + length.encode() + b"\r\n\r\n"
    error = error_of(exchange(server, head))
    assert error["status_code"] in {400, 408, 413}
    new = server.log().removeprefix(said)
    assert "Traceback" not in new
    assert len(new.splitlines()) <= 1


def test_a_body_in_tiny_chunks_is_refused_at_once(server: Server) -> None:
    begun = time.monotonic()
    body = NODE + b" " * 2_000_000
    answer = exchange(server, START + b"Transfer-Encoding: chunked\r\n\r\n", chunked(body, 1))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - begun < 15  # All of its chunks would take 40 s.
    assert len(loopback.get(f"{server.url}/api/v1/nodes").json()["nodes"]) == 2


def test_a_body_that_keeps_coming_ends_with_its_time(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(START + b"Content-Length: 100000\r\n\r\n")
        ends_at = time.monotonic() + 8
        with suppress(ConnectionError):
            while time.monotonic() < ends_at:
                connection.sendall(b" " * 100)
                time.sleep(0.02)
        assert time.monotonic() < ends_at


def test_chunks_of_a_usual_size_are_taken(server: Server) -> None:
    body = b'{"name": "n", "image": "1", "size": "1", "metadata": {"a": "%b"}}' % (b"x" * 200_000)
    head = START + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert exchange(server, head, chunked(body, 512)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "framing", [b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 90\r\n\r\n"]
)
def test_a_body_that_breaks_off_starts_nothing(server: Server, framing: bytes) -> None:
    def names() -> int:
        return len(loopback.get(f"{server.url}/api/v1/nodes").json()["nodes"])

    before = names()
    part = NODE if b"Length" in framing else b"%x\r\n%b\r\n" % (len(NODE), NODE)
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(START + framing + part)
        time.sleep(0.1)  # The server waits for the rest of a whole JSON object.
    assert names() == before


def test_a_malformed_request_behind_another_is_refused_in_one_line(server: Server) -> None:
    said = server.log()
    first = b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = START + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"
    answer = exchange(server, first + head)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in answer
    assert "Traceback" not in server.log().removeprefix(said)
