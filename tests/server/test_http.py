"""HTTP/1.1 as RFC 9112 defines it, byte by byte against a real server."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import loopback
from tests.conftest import DUMMY, Server, running
from tests.stateful import START, settings

BODY = json.dumps(dict(START)).encode()
CLOSE = b"Host: h\r\nConnection: close\r\n\r\n"
GET = b"GET /api/v1/ HTTP/1.1\r\n" + CLOSE
POST = (
    b"POST /api/v1/vm/start HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n" % len(BODY)
)
WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


HOSTS = ["h", "user-agent.example", "v1.x", "a_b.example", "%41"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    toml = f"{DUMMY}[server]\nhosts = {HOSTS}\n"
    with running(toml, tmp_path_factory.mktemp("http")) as server:
        yield server


def exchange(server: Server, *parts: bytes) -> bytes:
    """Send parts, a moment apart, and return all answers until the server closes."""
    with socket.create_connection(server.address, timeout=10) as client:
        for number, part in enumerate(parts):
            if number:
                time.sleep(0.05)
            client.sendall(part)
        answer = b""
        while received := client.recv(65536):
            answer += received
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def message(answer: bytes) -> str:
    return str(json.loads(answer.split(b"\r\n\r\n", 1)[1])["message"])


@pytest.mark.parametrize(
    "target",
    [
        b"http://h/api/v1/",
        b"HTTP://h:5050/api/v1/",
        b"https://user-agent.example/api/v1/",
        b"http://[::1]:80/api/v1/",
        b"http://h/api/v1",
    ],
)
def test_an_absolute_target_is_served(server: Server, target: bytes) -> None:
    answer = exchange(server, b"GET " + target + b" HTTP/1.1\r\n" + CLOSE)
    assert statuses(answer) == [200]
    assert b'{"status":"ok"}' in answer


def test_the_query_of_an_absolute_target_counts(server: Server) -> None:
    target = b"http://h/api/v2/clouds/fake_driver/nodes?limit=1"
    answer = exchange(server, b"GET " + target + b" HTTP/1.1\r\n" + CLOSE)
    assert len(json.loads(answer.split(b"\r\n\r\n", 1)[1])["nodes"]) == 1


def test_an_absolute_target_without_a_path_is_the_root_or_the_whole_server(server: Server) -> None:
    assert statuses(exchange(server, b"GET http://h HTTP/1.1\r\n" + CLOSE)) == [302]
    assert statuses(exchange(server, b"OPTIONS http://h HTTP/1.1\r\n" + CLOSE)) == [200]
    assert statuses(exchange(server, b"OPTIONS http://h/nothing HTTP/1.1\r\n" + CLOSE)) == [404]


@pytest.mark.parametrize(
    "target",
    [
        b"ftp://h/api/v1/",
        b"http:///api/v1/",
        b"http://ann:secret@h/api/v1/",
        b"http://h:99999/api/v1/",
        b"http://h:port/api/v1/",
        b"http://[::1/api/v1/",
        b"http://h/api/v1/#top",
        b"x:http://h/api/v1/",
        b"h:80",
        b"*",
    ],
)
def test_another_target_than_a_path_or_an_http_url_is_refused(
    server: Server, target: bytes
) -> None:
    answer = exchange(server, b"GET " + target + b" HTTP/1.1\r\n" + CLOSE)
    assert statuses(answer) == [400]
    assert b"malformed_request" in answer
    assert b"secret" not in answer


def test_a_tunnel_is_not_made(server: Server) -> None:
    answer = exchange(server, b"CONNECT example.org:443 HTTP/1.1\r\n" + CLOSE)
    assert (statuses(answer), message(answer)) == ([501], "Not implemented")


@pytest.mark.parametrize("target", [b"*", b"/api/v1/", b"http://h/api/v1/"])
def test_options_tells_the_methods(server: Server, target: bytes) -> None:
    answer = exchange(server, b"OPTIONS " + target + b" HTTP/1.1\r\n" + CLOSE)
    assert statuses(answer) == [200]
    assert b"allow: get" in answer.lower()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_host_is_needed_in_http_1_1_only(server: Server, version: bytes) -> None:
    answer = exchange(server, b"GET /api/v1/ HTTP/%b\r\nConnection: close\r\n\r\n" % version)
    if version == b"1.0":
        assert answer.split(b"\r\n", 1)[0].endswith(b"200 OK")
    else:
        assert (statuses(answer), message(answer)) == (
            [400],
            "An HTTP/1.1 request needs a Host header",
        )


def with_hosts(*hosts: str) -> bytes:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    return f"GET /api/v1/ HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode("latin-1")


@pytest.mark.parametrize(
    "host",
    [
        "h",
        "h:5050",
        "h:",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:5050",
        "[v1.x]",
        "a_b.example",
        "%41",
        "",
    ],
)
def test_a_valid_host_is_served(server: Server, host: str) -> None:
    assert statuses(exchange(server, with_hosts(host))) == [200]


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "h/x",
        "ann@h",
        "h:99999",
        "h:port",
        "h:1:2",
        "[::1",
        "::1",
        "[h]",
        "h\xfc",
        ":80",
        "%zz",
    ],
)
def test_an_invalid_host_is_refused(server: Server, host: str) -> None:
    answer = exchange(server, with_hosts(host))
    assert (statuses(answer), message(answer)) == (
        [400],
        "The Host header is not a valid host and port",
    )


def test_several_hosts_are_refused(server: Server) -> None:
    assert statuses(exchange(server, with_hosts("h", "h"))) == [400]
    assert statuses(exchange(server, with_hosts("h", "x"))) == [400]


@pytest.mark.parametrize("empty", [b"\r\n", b"\r\n\r\n", b"\r\n" * 20])
def test_empty_lines_before_a_request_are_skipped(server: Server, empty: bytes) -> None:
    assert statuses(exchange(server, empty + GET)) == [200]
    assert statuses(exchange(server, empty[:-1], empty[-1:] + GET)) == [200]
    assert statuses(exchange(server, POST + b"\r\n" + BODY + empty + GET)) == [200, 200]
    assert statuses(exchange(server, POST + b"\r\n" + BODY, empty, GET)) == [200, 200]


def test_half_an_empty_line_is_none(server: Server) -> None:
    assert statuses(exchange(server, b"\r" + GET)) == [400]
    assert statuses(exchange(server, b"\r\n\r", b"x" + GET)) == [400]


def test_a_body_may_begin_with_empty_lines(server: Server) -> None:
    body = b"\r\n\r\n" + BODY
    head = POST.replace(b"Content-Length: %d" % len(BODY), b"Content-Length: %d" % len(body))
    assert statuses(exchange(server, head + b"Connection: close\r\n\r\n", body)) == [200]


@pytest.mark.parametrize(
    "offer",
    [
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n",
        WEBSOCKET,
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n",
        b"Upgrade: TLS/1.0, HTTP/2.0, irc/6.9\r\nConnection: Upgrade\r\n",
    ],
)
def test_an_upgrade_that_is_offered_is_ignored(server: Server, offer: bytes) -> None:
    get = b"GET /api/v1/ HTTP/1.1\r\nHost: h\r\n" + offer + b"\r\n"
    assert statuses(exchange(server, get + GET)) == [200, 200]
    assert statuses(exchange(server, POST + offer + b"\r\n" + BODY, GET)) == [200, 200]


def location(server: Server, path: str = "", **headers: str) -> str:
    headers["Prefer"] = "respond-async"
    url = f"{server.url}{path}/api/v1/vm/start"
    answer = loopback.post(url, json=dict(START), headers=headers)
    assert answer.status_code == 202, answer.text
    return re.sub("[0-9a-f]{32}", "ID", answer.headers["Location"])


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve with a database, trusting a proxy on this machine, as by default."""
    toml = settings('url = "sqlite:///s.db"')
    with running(toml, tmp_path_factory.mktemp("proxied")) as server:
        yield server


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("/clouds", "/clouds"),
        ("/clouds/", "/clouds"),
        ("/a/b-c", "/a/b-c"),
        ("/outer, /inner", "/outer/inner"),
        ("/", ""),
        ("", ""),
        ("//evil.example", ""),
        ("/../x", ""),
        ("https://evil.example", ""),
        ("clouds", ""),
        ("/a b", ""),
    ],
)
def test_a_trusted_proxy_s_prefix_begins_the_location(
    proxied: Server, prefix: str, told: str
) -> None:
    found = location(proxied, **{"X-Forwarded-Prefix": prefix})
    assert found == f"{told}/api/v2/operations/ID"


def test_a_replayed_answer_has_the_prefix_too(proxied: Server) -> None:
    headers = {"Idempotency-Key": "one", "X-Forwarded-Prefix": "/clouds"}
    assert location(proxied, **headers) == "/clouds/api/v2/operations/ID"


def test_a_stranger_s_prefix_does_not_count(tmp_path: Path) -> None:
    toml = settings('url = "sqlite:///s.db"', more='[server]\nforwarded_allow_ips = "192.0.2.0/24"')
    with running(toml, tmp_path) as server:
        headers = {"X-Forwarded-Prefix": "/clouds"}
        assert location(server, **headers) == "/api/v2/operations/ID"


@pytest.mark.parametrize("root_path", ["/clouds", "/api"])
def test_the_prefix_of_the_settings_is_taken_away_where_the_proxy_leaves_it(
    tmp_path: Path, root_path: str
) -> None:
    toml = settings('url = "sqlite:///s.db"', more=f'[server]\nroot_path = "{root_path}"')
    with running(toml, tmp_path) as server:
        assert location(server) == f"{root_path}/api/v2/operations/ID"
        assert location(server, root_path) == f"{root_path}/api/v2/operations/ID"
        assert loopback.get(f"{server.url}{root_path}/api/v1/nodes").status_code == 200
        assert loopback.get(f"{server.url}/other/api/v1/nodes").status_code == 404
        for prefix in ("", root_path):
            node = loopback.get(f"{server.url}{prefix}/api/v1/nodes/fake_driver/a%2Fb").json()
            assert node["message"] == "There is no node 'a/b'"
            assert loopback.get(f"{server.url}{prefix}//api/v1/nodes").status_code == 404
