"""A server of the tests of version 2, and a client that checks each answer's shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import Server, running
from tests.stateful import settings

STATE = 'url = "sqlite:///{folder}/orchestrator.db"'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("v2")
    with running(settings(STATE.format(folder=folder)), folder) as one:
        one.wait_for_log("durable worker ready")
        yield one


class Client:
    """A client of version 2."""

    def __init__(self, server: Server) -> None:
        self.http = loopback.client(f"{server.url}/api/v2", timeout=60)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return self.http.post(path, json=body, headers=_named(headers))

    def delete(self, path: str, **headers: str) -> httpx2.Response:
        return self.http.delete(path, headers=_named(headers))

    def started(self) -> str:
        """Start a VM; return its id."""
        answer = self.post("/clouds/fake_driver/nodes", {"name": "x", "image": "1", "size": "1"})
        assert answer.status_code == 201, answer.text
        node_id: str = answer.json()["node"]["id"]
        return node_id

    def assigned(self, node: str, user: str = "ann", **more: str) -> dict[str, Any]:
        """Assign a VM; return the answer."""
        body = {"node": node, "user": user, "application": "cad", **more}
        answer = self.post("/assignments", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    one = Client(server)
    yield one
    one.http.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
