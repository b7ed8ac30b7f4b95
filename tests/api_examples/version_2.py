"""The requests of version 2 whose answers are its examples: the life of some VMs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

from orchestrator_core.api.v2.lists import LISTS
from orchestrator_core.api.v2.openapi import document
from tests import loopback
from tests.api_examples.operator import Operator
from tests.api_examples.recorder import Operations, Recorder
from tests.api_examples.version_2_refusals import MOST_REQUESTS, Refusals
from tests.conftest import DUMMY, OPS_TOKEN, running
from tests.stateful import wait_for

CLOUD: Final = "fake_driver"
PICKY: Final = "picky"

SETTINGS: Final = f"""
default_cloud = "fake_driver"

[server]
max_body = 4096
max_requests_per_caller = {MOST_REQUESTS}

[plugins]
allow = ["dummy", "given"]

[auth]
mode = "token"
tokens = {{ops = "env:OPS"}}

[state]
url = "sqlite:///state.db"
orphan_scan_interval = 0.3

[clouds.fake_driver]
driver = "dummy"
store = "file:cloud.db"
hints = true

[clouds.picky]
driver = "dummy"
hints = true
retries = 0
destroy = "own"
destroys_per_hour = 0

[clouds.picky.deadlines]
list_images = 0.2

[clouds.picky.start_fields]
spot = "this region has no spot capacity"
"""


class Story:
    """The requests to one server, in their order.

    Args:
        folder: the folder with its settings and its cloud.
        recorder: the client.
    """

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self._at = recorder
        self._operator = Operator(folder)
        self.refusals = Refusals(recorder, self._operator)

    def tell(self) -> None:
        """Send every request."""
        self._offers()
        self._life_of_a_vm()
        self._asynchronous_changes()
        self._assignment()
        orphan = self._orphans()
        self._records()
        self.refusals.tell(orphan)

    def _offers(self) -> None:
        at = self._at
        at.show("list_clouds")
        at.show("list_images", cloud=CLOUD, query={"limit": "2"})  # has a next page
        for kind in sorted(LISTS.keys() - {"images"}):
            at.show(f"list_{kind}", cloud=CLOUD)
        at.show("get_cloud", cloud=CLOUD)

    def _life_of_a_vm(self) -> None:
        at = self._at
        key = {"Idempotency-Key": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}
        node = at.show("start_node", status=201, headers=key, cloud=CLOUD)["node"]["id"]
        at.show_headers("start_node", headers=key, cloud=CLOUD)
        at.show("list_nodes", cloud=CLOUD)
        at.show("get_node", cloud=CLOUD, node=node)
        at.show("get_console", cloud=CLOUD, node=node)
        for action in ("reboot", "stop", "start", "resize", "rename", "create_image"):
            at.show(f"action_{action}", cloud=CLOUD, node=node)
        at.show("destroy_node", cloud=CLOUD, node=node)

    def _asynchronous_changes(self) -> None:
        at = self._at
        started = at.accept("start_node", cloud=CLOUD)
        node = started["node"]
        at.show("get_operation", operation_id=started["id"], query={"wait": "30s"})
        for action in ("reboot", "stop", "start", "resize", "rename", "create_image"):
            at.accept(f"action_{action}", cloud=CLOUD, node=node)
        at.accept("destroy_node", cloud=CLOUD, node=node)

    def _assignment(self) -> None:
        at = self._at
        held = at.show("assign")["assignment"]
        at.show("renew", assignment_id=held)
        at.show("get_assignment", assignment_id=held)
        at.show("list_assignments")
        at.show("list_all_nodes", query={"clouds": CLOUD})
        at.show("release", assignment_id=held)
        body = {"node": "2", "user": "bob", "application": "mail", "lease": "8h"}
        held = at.accept("assign", body=body)["assignment"]
        at.accept("renew", assignment_id=held)
        at.accept("release", assignment_id=held)

    def _orphans(self) -> str:
        """Return the VM of an orphan that no decision was made about."""
        at = self._at
        self._make_orphans(6)
        found = at.show("list_orphans", only=_first_orphans)
        ids = [one["id"] for one in found["orphans"]]
        at.show("get_orphan", orphan_id=ids[0])
        at.show("adopt_orphan", orphan_id=ids[0])
        at.accept("adopt_orphan", orphan_id=ids[1])
        at.show("ignore_orphan", orphan_id=ids[2])
        at.accept("ignore_orphan", orphan_id=ids[3])
        at.show("destroy_orphan", status=202, orphan_id=ids[4])
        node: str = found["orphans"][5]["node"]
        return node

    def _make_orphans(self, number: int) -> None:
        """Make VMs of starts that have failed; return once a scan has seen all of them."""
        body = {"name": "web-1", "image": "77", "size": "1"}
        refused = [self._at.send("start_node", cloud=CLOUD, body=body) for _ in range(number)]
        self._operator.start_late([one.json()["operation"] for one in refused])
        wait_for(
            lambda: self._at.send("list_orphans").json(),
            lambda found: (
                {one["cloud"]: one["nodes"] for one in found["scans"]} == {CLOUD: number, PICKY: 2}
            ),
        )

    def _records(self) -> None:
        at = self._at
        at.show("list_operations", query={"kind": "release_vm"})
        at.show("list_plugins", only=_of_the_settings)
        at.show("list_processes", only=_by_kind)
        for name in at.other_reads():  # a new list needs no line here
            at.show(name, cloud=CLOUD)


def _first_orphans(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out orphans that show nothing new."""
    return {**body, "orphans": body["orphans"][:2]}


def _of_the_settings(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out installed plugins that the settings do not allow."""
    return {"plugins": [one for one in body["plugins"] if one["state"] == "loaded"]}


def _by_kind(body: dict[str, Any]) -> dict[str, Any]:
    """Sort processes, which start at the same time."""
    return {**body, "processes": sorted(body["processes"], key=lambda one: str(one["kind"]))}


@contextmanager
def _serving(settings: str, folder: Path) -> Iterator[httpx2.Client]:
    """Serve, with the files in a folder; yield a client."""
    folder.mkdir()
    with running(settings, folder, {"OPS": OPS_TOKEN}) as server:
        if "[state]" in settings:
            server.wait_for_log("durable worker ready")
        headers = {"Authorization": f"Bearer {OPS_TOKEN}"}
        with loopback.client(f"{server.url}/api/v2", timeout=60, headers=headers) as http:
            yield http


def record(folder: Path) -> dict[str, Any]:
    """Return the answers of new servers, which keep their files in a folder."""
    operations = Operations(document())
    with _serving(SETTINGS, folder / "database") as http:
        recorder = Recorder(http, operations)
        story = Story(folder / "database", recorder)
        story.tell()
    with _serving(DUMMY, folder / "plain") as http:
        story.refusals.tell_without_database(http)
    return recorder.recorded()
