"""Clients that disconnect: their requests free what they held, changes under way excepted."""

from __future__ import annotations

import socket
import time
from typing import Any

from tests import loopback
from tests.conftest import DUMMY, Serve, Server, ec2

SMALL = """
threads = 2
queue = 2
[clouds.hanging.deadlines]
get_node = 60
"""


SLOW = """
[clouds.hanging]
driver = "dummy"
threads = 1
hints = true
"""
START = b'{"name": "x", "image": "1", "size": "1"}'


def load(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = loopback.get(f"{server.url}/api/v1/cloud/hanging").json()["cloud"]
    return found


def wait_for(server: Server, running: int, waiting: int) -> None:
    ends_at = time.monotonic() + 10
    while True:
        cloud = load(server)
        if (cloud["threads"]["running"], cloud["queue"]["waiting"]) == (running, waiting):
            return
        assert time.monotonic() < ends_at, cloud
        time.sleep(0.05)


def test_who_waits_for_a_hanging_cloud_and_leaves(serve: Serve, silent_port: int) -> None:
    server = serve(DUMMY + ec2("hanging", silent_port, SMALL))
    clients = []
    for number in range(4):
        client = socket.create_connection(server.address)
        client.sendall(
            b"GET /api/v1/nodes/hanging/i-%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number
        )
        clients.append(client)
    wait_for(server, 2, 2)
    full = loopback.get(f"{server.url}/api/v1/nodes/hanging/i-9")
    assert (full.status_code, full.json()["error_code"]) == (503, "cloud_busy")
    assert full.headers["Retry-After"] == "1"
    for client in clients:
        client.close()
    wait_for(server, 0, 0)
    assert "outcome=abandoned" in server.log()
    assert "Traceback" not in server.log()


def start_and_leave(server: Server, hints: bytes, after: float) -> None:
    """Send a start and disconnect before its answer."""
    with socket.create_connection(server.address) as client:
        client.sendall(
            b"POST /api/v1/vm/start/hanging HTTP/1.1\r\nHost: localhost\r\nX-Cloud-Hints: "
            + hints
            + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(START)
            + START
        )
        time.sleep(after)


def nodes(server: Server) -> list[str]:
    found = loopback.get(f"{server.url}/api/v1/nodes/hanging", timeout=20).json()["nodes"]
    return [node["id"] for node in found]


def test_a_start_under_way_goes_on_without_its_caller(serve: Serve) -> None:
    server = serve(DUMMY + SLOW + '[server]\nlog_level = "debug"\n')
    start_and_leave(server, b"latency=1; operations=start_vm", after=0.3)
    assert nodes(server) == ["1", "2", "3"]  # waits for the one thread
    assert "operation=start_vm outcome=ok" in server.log()


def test_a_start_that_has_not_begun_is_dropped_with_its_caller(serve: Serve) -> None:
    server = serve(DUMMY + SLOW)
    with socket.create_connection(server.address) as busy:
        busy.sendall(
            b"GET /api/v1/images/hanging HTTP/1.1\r\nHost: localhost\r\n"
            b"X-Cloud-Hints: latency=1\r\n\r\n"
        )
        wait_for(server, 1, 0)
        start_and_leave(server, b"latency=0", after=0.1)
        wait_for(server, 1, 0)
        assert b" 200 OK" in busy.recv(100)
    assert nodes(server) == ["1", "2"]
    assert "operation=start_vm outcome=abandoned" in server.log()
