"""Fairness: one caller's flood leaves threads, queue places and turns to others."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import Server, running
from tests.stateful import wait_for

FLOODER, HONEST, THIRD = (letter * 4 + "f9c1d2e4b5a69788796a5b4c3d2e1f0" for letter in "abc")
PATIENCE = 15.0
"""Seconds within which the honest caller is served on a busy machine. In order of arrival it would
be refused, or wait for 700 calls of half a second, which take eight threads 44 s."""


def slow(name: str, latency: float, more: str = "") -> str:
    return f"""
[clouds.{name}]
driver = "dummy"
{more}
[clouds.{name}.deadlines]
get_node = 60
[clouds.{name}.faults]
latency = "{latency}"
"""


SETTINGS = f"""
default_cloud = "slow"
[auth]
mode = "token"
[auth.tokens]
flooder = "env:FLOODER"
honest = "env:HONEST"
third = "env:THIRD"
[state]
url = "sqlite:///state.db"
{slow("slow", 0.5)}
{slow("changing", 0.2)}
{slow("alone", 30)}
{slow("limited", 0.2, "max_concurrent_changes = 1")}
"""
START = {"name": "x", "image": "1", "size": "1"}
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tokens = {"FLOODER": FLOODER, "HONEST": HONEST, "THIRD": THIRD}
    with running(SETTINGS, tmp_path_factory.mktemp("fairness"), tokens) as one:
        yield one


def client_of(server: Server, token: str) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return loopback.client(f"{server.url}/api/v1", timeout=60, headers=headers)


@pytest.fixture
def honest(server: Server) -> Iterator[httpx2.Client]:
    with client_of(server, HONEST) as http:
        yield http


def request(method: str, path: str, token: str, body: Any = None, more: str = "") -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    return (
        f"{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"{more}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode() + content


@contextmanager
def flood(server: Server, requests: list[bytes]) -> Iterator[list[socket.socket]]:
    """Send each of the requests on a connection of its own, until the block ends."""
    with ExitStack() as stack:
        connections = []
        for one in requests:
            connection = stack.enter_context(socket.create_connection(server.address))
            connection.sendall(one)
            connections.append(connection)
        yield connections


def reads(cloud: str, count: int, token: str = FLOODER) -> list[bytes]:
    """Return requests that share no call with each other."""
    return [request("GET", f"/nodes/{cloud}/{token[0]}-{number}", token) for number in range(count)]


def load(http: httpx2.Client, cloud: str) -> tuple[int, int]:
    """Return the numbers of running and of waiting calls of a cloud."""
    report = http.get(f"/cloud/{cloud}").json()["cloud"]
    return report["threads"]["running"], report["queue"]["waiting"]


def gone(http: httpx2.Client, cloud: str) -> None:
    wait_for(lambda: load(http, cloud), lambda found: found == (0, 0))


def test_another_caller_is_served_beside_700_connections(
    server: Server, honest: httpx2.Client
) -> None:
    with flood(server, reads("slow", 700)):
        wait_for(lambda: load(honest, "slow")[1], lambda waiting: waiting > 200)
        began = time.monotonic()
        assert honest.post("/vm/start/slow", json=START).status_code == 200
        assert honest.get("/nodes/slow/1").status_code == 200
        assert honest.get("/nodes/slow").status_code == 200
        answer = honest.post("/vm/start/slow", json=START, headers=ASYNC)
        assert answer.status_code == 202
        place = server.url + answer.headers["Location"]
        ended = wait_for(
            lambda: honest.get(place).json()["state"],
            lambda state: state not in ("pending", "running"),
        )
        assert ended == "succeeded"
        assert time.monotonic() - began < PATIENCE
        assert load(honest, "slow")[1] > 100  # The flood was still running.
    gone(honest, "slow")


def test_another_caller_s_start_is_not_behind_a_flood_of_starts(
    server: Server, honest: httpx2.Client
) -> None:
    starts = [
        request("POST", "/vm/start/changing", FLOODER, START, "Prefer: respond-async\r\n")
        for _ in range(120)
    ]
    with flood(server, starts):
        wait_for(lambda: load(honest, "changing")[1], lambda waiting: waiting > 90)
        assert honest.post("/vm/start/changing", json=START).status_code == 200
        assert honest.get("/nodes/changing/1").status_code == 200
        assert load(honest, "changing")[1] > 30, "it waited behind the others"
    gone(honest, "changing")


def test_the_queue_of_a_caller_alone_is_the_whole_one(
    server: Server, honest: httpx2.Client
) -> None:
    with flood(server, reads("alone", 300)) as connections:
        wait_for(lambda: load(honest, "alone"), lambda found: found == (6, 258))
        # All threads and places are taken: further requests are refused at once.
        refused = [answer for answer in map(received, connections) if answer]
        assert len(refused) == 300 - 264
        assert all(b'"cloud_busy"' in answer for answer in refused)
        with client_of(server, THIRD) as third:
            began = time.monotonic()
            with flood(server, reads("alone", 1, HONEST)):
                wait_for(lambda: load(third, "alone"), lambda found: found == (7, 257))
            assert time.monotonic() - began < PATIENCE
    gone(honest, "alone")


def received(connection: socket.socket) -> bytes:
    """Return what a connection has received within a moment."""
    connection.settimeout(0.001)
    try:
        return connection.recv(65536)
    except TimeoutError:
        return b""


def test_room_for_changes_is_given_in_turn(server: Server, honest: httpx2.Client) -> None:
    starts = [
        request("POST", "/vm/start/limited", FLOODER, START, "Prefer: respond-async\r\n")
        for _ in range(16)
    ]
    with flood(server, starts):
        wait_for(
            lambda: honest.get(f"{server.url}/api/v2/operations?cloud=limited").json()[
                "operations"
            ],
            lambda found: len(found) > 1,
        )
        assert honest.post("/vm/start/limited", json=START).status_code == 200
        made = honest.get(f"{server.url}/api/v2/operations?cloud=limited").json()["operations"]
        assert len(made) < 10, "it waited behind the others"
    gone(honest, "limited")


BOUNDS = f"""
default_cloud = "fake_driver"
[server]
max_connections_per_address = 8
max_requests_per_caller = 3
forwarded_allow_ips = "192.0.2.1"
[clouds.fake_driver]
driver = "dummy"
{slow("slow", 30)}
"""
HELLO = b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve without tokens, so that callers are told apart by address."""
    with running(BOUNDS, tmp_path_factory.mktemp("bounded")) as one:
        yield one


def test_requests_of_a_caller_in_flight_are_bounded(bounded: Server) -> None:
    url = f"{bounded.url}/api/v1"
    with flood(bounded, reads("slow", 3)):
        refusal = wait_for(lambda: loopback.get(f"{url}/"), lambda it: it.status_code == 429)
        assert int(refusal.headers["Retry-After"]) >= 1
        keys = ["status", "status_code", "status_short_message", "status_long_message", "message"]
        assert set(refusal.json()) == {*keys, "error_code"}
        assert refusal.json()["error_code"] == "too_many_requests"
        other = httpx2.HTTPTransport(local_address="127.0.0.2")
        with httpx2.Client(transport=other) as another_caller:
            assert another_caller.get(f"{url}/").status_code == 200
    wait_for(lambda: loopback.get(f"{url}/").status_code, lambda status: status == 200)


def test_connections_of_an_address_are_bounded(bounded: Server) -> None:
    with flood(bounded, [HELLO] * 8) as connections:
        assert all(b" 200 " in one.recv(65536) for one in connections)
        with socket.create_connection(bounded.address) as one_more:
            answer = one_more.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b'"too_many_requests"' in answer
        assert b"\r\nRetry-After: " in answer
        connections[0].close()
        wait_for(lambda: is_served(bounded), bool)
        connections[1].sendall(HELLO)
        assert b" 200 " in connections[1].recv(65536)


def is_served(server: Server) -> bool:
    with socket.create_connection(server.address) as connection:
        connection.sendall(HELLO)
        return b" 200 " in connection.recv(65536)
