"""One server for a whole file of read-only tests, and raw requests to it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.conftest import DUMMY, Server, running
from tests.start_clouds import Clouds, serving_clouds


class Answer(NamedTuple):
    """An answer on a raw connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> dict[str, Any]:
        """Return the error, after checking that it has the document's form."""
        found: dict[str, Any] = json.loads(self.body)
        assert found["status_code"] == self.status
        assert found["status"] == "error"
        for key in ("message", "status_short_message"):
            assert isinstance(found[key], str)
            assert found[key]
        assert isinstance(found["status_long_message"], str)
        assert self.headers["content-type"] == "application/json"
        for inner in (b"Traceback", b".py", b"site-packages"):
            assert inner not in self.body
        return found


class Raw:
    """A sender of raw bytes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address

    def __call__(self, request: bytes) -> Answer:
        with socket.create_connection(self.address, timeout=20) as connection:
            connection.sendall(request)
            return read_answer(connection)

    def send(
        self,
        body: bytes,
        *,
        target: bytes = b"POST /api/v1/vm/start",
        content_type: bytes | None = b"application/json",
        headers: bytes = b"",
    ) -> Answer:
        """Send a body."""
        lines = [target + b" HTTP/1.1", b"Host: localhost", b"Content-Length: %d" % len(body)]
        if content_type is not None:
            lines.append(b"Content-Type: " + content_type)
        return self(b"\r\n".join(lines) + b"\r\n" + headers + b"\r\n" + body)

    def get(self, path: bytes, method: bytes = b"GET") -> Answer:
        """Send a request without a body."""
        return self(method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")


def read_answer(connection: socket.socket) -> Answer:
    """Read one answer; its connection may stay open."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        assert chunk, received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    found = re.match(r"HTTP/1\.1 (\d{3}) ", status)
    assert found, status
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return Answer(int(found.group(1)), headers, body)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(DUMMY, tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture(scope="module")
def raw(shared: Server) -> Raw:
    return Raw(shared.address)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    with serving_clouds(tmp_path_factory.mktemp("start")) as one:
        yield one
