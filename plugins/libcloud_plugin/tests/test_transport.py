"""Time limits, unreachable clouds and odd answers, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core import (
    CloudTimeout,
    CloudUnreachable,
    Deadline,
    InvalidAnswer,
    RateLimited,
)
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.http.call import Call, Terms, under
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.transport import Transport


def failure(code: str) -> bytes:
    error = f"<Error><Code>{code}</Code><Message>m</Message></Error>"
    return f"<Response><Errors>{error}</Errors></Response>".encode()


class Scripted(BaseHTTPRequestHandler):
    status = 200
    body = b""
    headers_out: tuple[tuple[str, str], ...] = ()
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(self.status)
        for name, value in self.headers_out:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments: Any) -> None: ...


Answers = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def answers() -> Iterator[Answers]:
    servers = []

    def serve(**script: Any) -> tuple[int, list[str]]:
        seen: list[str] = []
        handler = type("Handler", (Scripted,), {**script, "seen": seen})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server.server_port, seen

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def at(make: Callable[..., LibcloudDriver], ec2_settings: dict[str, Any]) -> Any:
    return lambda port, **more: make(**{**ec2_settings, "port": port, **more})


def test_a_cloud_that_never_answers(at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hanging = at(listening.getsockname()[1])
        begun = time.monotonic()
        with pytest.raises(CloudTimeout, match="Cloud aws did not answer in time"):
            hanging.check(deadline=Deadline(0.3))
        assert 0.25 < time.monotonic() - begun < 2


def test_each_call_has_its_own_time(at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hanging = at(listening.getsockname()[1])
        for seconds in (0.1, 0.4):
            begun = time.monotonic()
            with pytest.raises(CloudTimeout):
                hanging.check(deadline=Deadline(seconds))
            assert seconds * 0.8 < time.monotonic() - begun < seconds + 1


def test_nothing_is_sent_after_the_deadline(at: Any, answers: Answers) -> None:
    port, seen = answers(status=200)
    with pytest.raises(CloudTimeout):
        at(port).check(deadline=Deadline(0))
    assert seen == []


def test_a_cloud_that_is_not_there(at: Any, deadline: Deadline) -> None:
    with socket.socket() as bound:  # No other program can listen there.
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(CloudUnreachable) as caught:
            at(bound.getsockname()[1]).list_nodes(deadline=deadline)
    assert "127.0.0.1" not in caught.value.message


def test_answers_that_are_no_xml(at: Any, answers: Answers, deadline: Deadline) -> None:
    port, _ = answers(body=b"<html>Welcome!")
    with pytest.raises(InvalidAnswer):
        at(port).list_nodes(deadline=deadline)


def test_too_many_requests(at: Any, answers: Answers, deadline: Deadline) -> None:
    body = failure("RequestLimitExceeded")
    port, seen = answers(status=503, body=body, headers_out=(("Retry-After", "3"),))
    with pytest.raises(RateLimited) as caught:
        at(port).list_nodes(deadline=deadline)
    assert caught.value.retry_after == 3
    assert len(seen) == 1  # without Libcloud's own retries


def test_requests_go_through_the_proxy(at: Any, answers: Answers, deadline: Deadline) -> None:
    port, seen = answers(body=b"<nothing/>")
    driver = at(9, host="cloud.invalid", proxy=f"http://127.0.0.1:{port}")
    driver.check(deadline=deadline)
    assert seen[0].startswith("http://cloud.invalid:9/?")


def test_the_certificates_of_the_settings_are_the_trusted_ones(
    at: Any, deadline: Deadline, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("none")
    driver = at(443, ca_file=str(ca_file), secure=True)
    with pytest.raises(CloudUnreachable):
        driver.check(deadline=deadline)


@pytest.mark.parametrize("length", [100, 100_000])
def test_an_error_answer_is_kept_whole_or_cut(answers: Answers, length: int) -> None:
    port, _ = answers(status=404, body=b"x" * length)
    call = Call(Deadline(10), Terms(), Exchange())
    with under(call):
        connection: Any = Transport("127.0.0.1", port, secure=False)
        connection.request("GET", "/a?signature=secret")
        connection.close()
    error = call.exchange.error
    assert error is not None
    assert (error.method, error.path, error.status) == ("GET", "/a", 404)
    assert len(error.body) == min(length, 65_536)
    assert (error.json(), error.xml()) == (None, None)
