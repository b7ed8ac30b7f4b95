"""Long lists: whole or in pages, and without harm to others."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations
from tests import loopback
from tests.conftest import Server, running
from tests.stateful import settings

ROWS = 400
ROW_BYTES = 50_000


def fill(file: Path) -> None:
    """Record operations like those of long starts, twenty megabytes in all."""
    database = Database(f"sqlite:///{file}", file.parent)
    row = {
        "kind": "start_vm",
        "cloud": "fake_driver",
        "state": "failed",
        "step": "start",
        "unsettled": False,
        "caller": "anonymous",
        "request_id": "r",
        "fence": 1,
        "attempts": 1,
        "created_at": 1.0,
        "deadline_at": 2.0,
        "finished_at": 2.0,
        "parameters": {"name": "n", "metadata": {"a": "x" * ROW_BYTES}},
    }
    rows = [{**row, "id": f"{number:032x}"} for number in range(ROWS)]
    database.write_now(lambda connection: connection.execute(insert(operations), rows))
    database.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("long")
    toml = settings('url = "sqlite:///s.db"\nworker = false\nretention = 1e12')
    with running(toml, directory) as one:
        fill(directory / "s.db")
        yield one


def get(server: Server, path: str) -> Any:
    return loopback.get(f"{server.url}/api/v2{path}").json()


def test_the_parts_of_a_long_list_end_early_and_are_together_the_whole(server: Server) -> None:
    found, path = [], "/operations?limit=1000"
    while True:
        answer = loopback.get(f"{server.url}/api/v2{path}")
        assert len(answer.content) < 4_500_000
        part = answer.json()
        assert part["operations"]
        found += [operation["id"] for operation in part["operations"]]
        if part["next"] is None:
            break
        path = f"/operations?limit=1000&cursor={part['next']}"
    assert found == [f"{number:032x}" for number in reversed(range(ROWS))]


@pytest.mark.parametrize("limit", [1, 7, 8, 9, 24, 25, 60])
def test_a_part_has_as_many_rows_as_the_limit_says(server: Server, limit: int) -> None:
    part = get(server, f"/operations?limit={limit}")
    assert len(part["operations"]) == limit
    rest = get(server, f"/operations?limit=1&cursor={part['next']}")["operations"]
    assert rest[0]["id"] < part["operations"][-1]["id"]


@pytest.mark.parametrize(
    "path",
    [
        "/clouds/fake_driver/nodes",
        "/clouds/fake_driver/images",
        "/clouds/fake_driver/sizes",
        "/clouds/fake_driver/locations",
        "/operations",
        "/assignments",
    ],
)
def test_a_limit_is_at_most_1000(server: Server, path: str) -> None:
    error = get(server, f"{path}?limit=1001")
    fault = {"parameter": "limit", "detail": "must be a whole number from 1 to 1000"}
    assert (error["status"], error["errors"]) == (400, [fault])
    assert loopback.get(f"{server.url}/api/v2{path}?limit=1000").status_code == 200


def memory(server: Server) -> int:
    """Return the resident memory of the worker in bytes."""

    def of(pid: int) -> int:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0

    return max(of(pid) for pid in server.workers())


def test_callers_that_do_not_read_cost_little_memory(server: Server) -> None:
    get(server, "/operations?limit=1000")
    before = memory(server)
    request = b"GET /api/v2/operations?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(30):
            client = stack.enter_context(socket.create_connection(server.address, timeout=20))
            client.sendall(request)
            assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
        # Of 120 MB in all, a connection holds the part kept in memory, and one portion.
        assert memory(server) - before < 80_000_000


def test_others_are_served_while_long_lists_are_made(server: Server) -> None:
    url = f"{server.url}/api/v2/operations?limit=1000"
    askers = [threading.Thread(target=loopback.get, args=(url,)) for _ in range(10)]
    slowest = 0.0
    with loopback.client(f"{server.url}/api/v1") as client:
        for asker in askers:
            asker.start()
        while any(asker.is_alive() for asker in askers):
            begun = time.monotonic()
            assert client.get("/").status_code == 200
            slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 1.0
