"""A client that leaves frees what its request held, except a change under way."""

from __future__ import annotations

import socket
import time
from typing import Any

import httpx2

from tests.conftest import DUMMY, Serve, Server, ec2

SMALL = """
threads = 2
queue = 2
[clouds.hanging.deadlines]
get_node = 60
"""


def load(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{server.url}/api/v1/cloud/hanging").json()["cloud"]
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
        client.sendall(b"GET /api/v1/nodes/hanging/i-%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        clients.append(client)
    wait_for(server, 2, 2)
    full = httpx2.get(f"{server.url}/api/v1/nodes/hanging/i-9")
    assert (full.status_code, full.json()["error_code"]) == (503, "cloud_busy")
    assert full.headers["Retry-After"] == "1"
    for client in clients:
        client.close()
    wait_for(server, 0, 0)
    assert "outcome=abandoned" in server.log()
    assert "Traceback" not in server.log()
