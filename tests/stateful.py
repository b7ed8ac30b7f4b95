"""Servers with a database, and the requests that tests send them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import update

from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import assignments
from tests import loopback
from tests.conftest import Server, running

START: Mapping[str, str] = {"name": "x", "image": "1", "size": "1"}

PATIENCE = 20.0

Json = dict[str, Any]


def settings(state: str, cloud: str = "", more: str = "") -> str:
    """Return settings with a database, the dummy cloud and the default assignment backend."""
    return f"""
default_cloud = "fake_driver"
[state]
{state}
[clouds.fake_driver]
driver = "dummy"
assignment = "given"
{cloud}
[assignments.given]
backend = "given"
{more}
"""


class Api:
    """A client of a server: changes by version 1, records by version 2.

    Args:
        server: the running server.
        cloud: the cloud of all requests; by default the server's default cloud, and operations of
            all clouds.
        timeout: seconds.
    """

    def __init__(self, server: Server, cloud: str = "", timeout: float = 60.0) -> None:
        self.server = server
        self._only = {"cloud": cloud} if cloud else {}
        self._last = f"/{cloud}" if cloud else ""
        self.http = loopback.client(f"{server.url}/api/v1", timeout=timeout)

    def get(self, path: str, **params: str) -> Json:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def start(self, **headers: str) -> httpx2.Response:
        return self.http.post(f"/vm/start{self._last}", json=dict(START), headers=headers)

    def started(self) -> str:
        """Start a VM; return its id."""
        answer = self.start()
        assert answer.status_code == 200, answer.text
        node_id: str = answer.json()["nodes"]["id"]
        return node_id

    def put(self, path: str, body: Json, **headers: str) -> httpx2.Response:
        return self.http.put(path, json=body, headers=headers)

    def act(
        self, node: str, action: str, body: Json, cloud: str = "fake_driver"
    ) -> httpx2.Response:
        """Send an action of version 2, such as ``resize``, on a node of a cloud."""
        path = f"{self.server.url}/api/v2/clouds/{cloud}/nodes/{node}/actions/{action}"
        return self.http.post(path, json=body)

    def stop(self, node: str, **headers: str) -> httpx2.Response:
        return self.put(f"/vm/stop{self._last}", {"node": node}, **headers)

    def assign(
        self, node: str, user: str = "u", vm_type: str = "app", **more: Any
    ) -> httpx2.Response:
        body = {"node": node, "user": user, "vm_type": vm_type, **more}
        return self.put(f"/vm/action/assign{self._last}", body)

    def renew(self, node: str, lease: str = "1h", **more: Any) -> httpx2.Response:
        return self.put(f"/vm/action/renew{self._last}", {"node": node, "lease": lease, **more})

    def release(self, node: str, **more: Any) -> httpx2.Response:
        return self.put(f"/vm/action/release{self._last}", {"node": node, **more})

    def nodes(self) -> list[str]:
        """Return the ids of the nodes in the cloud."""
        return [node["id"] for node in self.get(f"/nodes{self._last}")["nodes"]]

    def v2(self, path: str, **params: str) -> httpx2.Response:
        """Send a GET to version 2; the path begins after ``/api/v2``."""
        return self.http.get(f"{self.server.url}/api/v2{path}", params=params)

    def read(self, path: str, **params: str) -> Json:
        """Return an answer of version 2."""
        answer = self.v2(path, **params)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def operations(self, **filters: str) -> list[Json]:
        found: list[Json] = self.read("/operations", **self._only, **filters)["operations"]
        return found

    def operation(self, operation_id: str) -> Json:
        return self.read(f"/operations/{operation_id}")

    def assignments(self, **filters: str) -> list[Json]:
        found: list[Json] = self.read("/assignments", **self._only, **filters)["assignments"]
        return found

    def assignment(self, assignment_id: str) -> Json:
        return self.read(f"/assignments/{assignment_id}")

    def orphans(self) -> list[Json]:
        found: list[Json] = self.read("/orphans", **self._only)["orphans"]
        return found

    def processes(self) -> Json:
        return self.read("/processes")

    def settled(self, operation_id: str, patience: float = PATIENCE) -> Json:
        """Return an operation, once it has ended."""
        ends = ("succeeded", "failed", "abandoned", "paused")
        found: Json = wait_for(
            lambda: self.operation(operation_id),
            lambda operation: operation["state"] in ends,
            patience,
        )
        return found


def wait_for(
    look: Callable[[], Any], wanted: Callable[[Any], bool], patience: float = PATIENCE
) -> Any:
    """Poll until the value has the wanted property; return the value."""
    ends_at = time.monotonic() + patience
    while True:
        seen = look()
        if wanted(seen):
            return seen
        assert time.monotonic() < ends_at, seen
        time.sleep(0.05)


@contextmanager
def stateful(toml: str, directory: Path) -> Iterator[Api]:
    """Run a server with a database and, unless the settings disable it, a durable worker."""
    with running(toml, directory) as server:
        if "worker = false" not in toml:
            server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield api


def leases_end(url: str, node: str | None = None, after: float = -1.0) -> None:
    """Move the ends of leases to this many seconds from now: all of them, or one VM's."""
    database = Database(url, Path())
    held = update(assignments).where(
        assignments.c.lease_expires_at.is_not(None), assignments.c.ended_at.is_(None)
    )
    if node is not None:
        held = held.where(assignments.c.node_id == node)
    database.write_now(lambda c: c.execute(held.values(lease_expires_at=now() + after)))
    database.close()
