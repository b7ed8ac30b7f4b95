"""Clients that stall: dropped after a set time, without cost to others."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests import loopback
from tests.conftest import Serve, running

LIMITS = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
[server]
header_timeout = 0.5
body_timeout = 0.5
keepalive = 1
"""
START = b"POST /api/v1/vm/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with running(LIMITS, tmp_path_factory.mktemp("slow")) as server:
        yield server.address


def read_to_end(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def error_of(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    error: dict[str, Any] = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {error['status_code']} ".encode())
    assert b"connection: close" in head.lower()
    return error


def test_a_client_that_sends_nothing_is_dropped(address: tuple[str, int]) -> None:
    begun = time.monotonic()
    with socket.create_connection(address) as connection:
        assert read_to_end(connection) == b""
    assert 0.3 < time.monotonic() - begun < 5


def test_a_client_that_stalls_in_its_headers_is_told_and_dropped(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /api/v1/nodes HTTP/1.1\r\nHost:")
        error = error_of(read_to_end(connection))
    assert error["status_code"] == 408
    assert error["error_code"] == "request_timeout"


@pytest.mark.parametrize(
    "begun",
    [
        START + b"Content-Length: 60\r\n\r\n",
        START + b'Content-Length: 60\r\n\r\n{"name": ',
        START + b"Transfer-Encoding: chunked\r\n\r\n",
        START + b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"name": \r\n',
        b"GET /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_client_that_stalls_in_its_body_is_told_and_dropped(
    address: tuple[str, int], begun: bytes
) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(begun)
        error = error_of(read_to_end(connection))
    assert (error["status_code"], error["error_code"]) == (408, "body_timeout")


def test_a_client_that_drips_its_headers_is_dropped(address: tuple[str, int]) -> None:
    ends_at = time.monotonic() + 5
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /api/v1/nodes HTTP/1.1\r\nX: ")
        with suppress(OSError):  # reset or broken pipe, by chance
            while time.monotonic() < ends_at:
                connection.sendall(b"x")
                time.sleep(0.05)
    assert time.monotonic() < ends_at


def test_a_stall_on_a_kept_connection_is_dropped(address: tuple[str, int]) -> None:
    request = b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(request)
        assert b"200 OK" in connection.recv(65536)
        connection.sendall(request[:20])
        assert b"200" not in read_to_end(connection)


def test_stalled_clients_do_not_hold_up_others(address: tuple[str, int]) -> None:
    url = f"http://{address[0]}:{address[1]}/api/v1/nodes"
    with ExitStack() as stack:
        for number in range(200):
            stalled = stack.enter_context(socket.create_connection(address))
            stalled.sendall(b"GET /api" if number % 2 else START + b"Content-Length: 60\r\n\r\n{")
        for _ in range(10):
            begun = time.monotonic()
            assert loopback.get(url).status_code == 200
            assert time.monotonic() - begun < 2


UPGRADE = (
    b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_the_offer_of_a_websocket_is_ignored_and_leaves_no_stack_trace(serve: Serve) -> None:
    server = serve()
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(UPGRADE)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    assert "Traceback" not in server.log()
