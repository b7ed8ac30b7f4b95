"""Answers before the end of a request's body: they arrive, and announce what follows."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.conftest import OPS_TOKEN, Server, running

SETTINGS = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
[server]
body_timeout = 3
max_body = 100_000
[auth]
mode = "token"
[auth.tokens]
ops = "env:OPS"
"""
START = b"POST /api/v1/vm/start HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
NOWHERE = START.replace(b"/vm/start", b"/nowhere")
TOKEN = f"Authorization: Bearer {OPS_TOKEN}\r\n".encode()
ROOT = b"GET /api/v1/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + TOKEN + b"\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"OPS": OPS_TOKEN}
    with running(SETTINGS, tmp_path_factory.mktemp("unread"), environment) as running_server:
        yield running_server


def read_all(connection: socket.socket) -> bytes:
    """Return everything up to the server's end; a reset is an error."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def head_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[0].lower()


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 10000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Content-Length: 40\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_a_caller_without_a_token_is_refused_before_its_body(
    server: Server, framing: bytes
) -> None:
    begun = time.monotonic()
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(START + framing)
        answer = connection.recv(65536)
    assert time.monotonic() - begun < 2.5
    assert answer.startswith(b"HTTP/1.1 401 ")  # and no 100 before it
    assert b"\r\nconnection: close" in head_of(answer)


@pytest.mark.parametrize("size", [100, 700_000])
def test_an_answer_before_the_body_is_seen_by_who_sends_it_all_first(
    server: Server, size: int
) -> None:
    for _ in range(5):
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(NOWHERE + b"Content-Length: %d\r\n\r\n" % size)
            time.sleep(0.05)  # The answer is under way, or was sent.
            body = b"x" * size
            for at in range(0, size, 65_536):
                connection.sendall(body[at : at + 65_536])
            if size > 65_536:
                answer = read_all(connection)
            else:
                answer = connection.recv(65_536)
                connection.sendall(ROOT)  # The server read a short rest and kept the connection.
                assert b"HTTP/1.1 200 OK" in read_all(connection)
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert (b"\r\nconnection: close" in head_of(answer)) == (size > 65_536)


def test_a_refused_request_is_answered_without_a_reset(server: Server) -> None:
    for request in (
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 500_000,
        b"GET / HTTP/1.1\r\nHost: h\r\nX y: z\r\n\r\n" + b"x" * 500_000,
        NOWHERE + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50_000,
    ):
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(request)
            time.sleep(0.1)
            connection.sendall(b"x" * 100_000)  # On a closed socket this would be a reset.
            answer = read_all(connection)
        error = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert error["status_code"] in {400, 404, 431}
        assert b"\r\nconnection: close" in head_of(answer)


def test_what_is_sent_after_the_last_answer_is_dropped_for_a_while_only(server: Server) -> None:
    begun = time.monotonic()
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(NOWHERE + b"Content-Length: 1000000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        with suppress(ConnectionError):
            while time.monotonic() - begun < 8:
                connection.sendall(b"x")
                time.sleep(0.02)
    assert time.monotonic() - begun < 6
    sent = 0
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(NOWHERE + b"Content-Length: 1000000000\r\n\r\n")
        with suppress(ConnectionError):
            while sent < 100_000_000:
                connection.sendall(b"x" * 65_536)
                sent += 65_536
    assert sent < 20_000_000  # Data in the system's own buffers is not read.


@pytest.mark.parametrize(
    "codings",
    [
        [b"gzip, chunked"],
        [b"gzip", b"chunked"],
        [b"identity, chunked"],
        [b"deflate,chunked"],
        [b"x-own, chunked"],
        [b"chunked;q=1"],
    ],
)
def test_a_body_in_another_transfer_coding_is_not_read_as_plain(
    server: Server, codings: list[bytes]
) -> None:
    lines = b"".join(b"Transfer-Encoding: %b\r\n" % coding for coding in codings)
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(START + TOKEN + lines + b"\r\n2\r\n{}\r\n0\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error_code"] == "not_implemented"


def test_the_name_of_the_coding_may_be_in_capitals(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as connection:
        body = b"Transfer-Encoding:  CHUNKED \r\nTE: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        connection.sendall(START + TOKEN + body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")  # name: is missing


@pytest.mark.parametrize(
    "path",
    [
        b"//api/v1/nodes",
        b"/api//v1/nodes",
        b"/api/v1//nodes",
        b"/api/v1/nodes//",
        b"/api/v1/nodes//fake_driver",
        b"/api%2fv1/nodes",
        b"/api/v1%2Fnodes",
        b"/api/v1/nodes%2Ffake_driver",
        b"/api/v1/nodes/fake_driver%2f1",
        b"/%2fapi/v1/nodes",
        b"/api/v1/nodes%2f",
        b"/./api/v1/nodes",
        b"/api/v1/./nodes",
        b"/api/v1/x/../nodes",
        b"/api/%2e/v1/nodes",
        b"/api/v1/%2E%2e/v1/nodes",
        b"/api/v1/nodes/./fake_driver",
        b"/api/v1/nodes/../nodes",
        b"/api/v1/nodes;x=1",
        b"/api;x/v1/nodes",
        b"/api/v1/nodes%3Bx",
        b"/api/v1%252fnodes",
        b"/api/v1/%256eodes",
        b"/api/v1/nodes%00",
        b"/api%00/v1/nodes",
        b"/api\\v1\\nodes",
        b"http://h//api/v1/nodes",
        b"http://h/api/v1%2fnodes",
    ],
)
def test_another_way_to_write_a_path_leads_nowhere(server: Server, path: bytes) -> None:
    with socket.create_connection(server.address, timeout=10) as connection:
        request = b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        connection.sendall(request + TOKEN + b"\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error_code"] == "not_found"


@pytest.mark.parametrize(
    "path", [b"/api/v1/nodes/", b"/api/v1/%6eodes", b"/api/v1/nodes/fake_driver/1/?a=//x"]
)
def test_the_same_path_in_other_letters_is_served(server: Server, path: bytes) -> None:
    with socket.create_connection(server.address, timeout=10) as connection:
        request = b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        connection.sendall(request + TOKEN + b"\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
