"""An assignment backend behind a running API, beside a cloud with a few nodes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from orchestrator_core.model import Node
from orchestrator_core.testing.api import Answer, Json
from orchestrator_core.testing.serving import Served, serving
from orchestrator_core.testing.subject import stage_cloud
from orchestrator_core.testing.under_test import UnderTest, expect

_NODES: Final = 16

_ROUTES: Final[dict[str, tuple[str, str, Json | None]]] = {
    "list_vms": ("GET", "/vm/status/cloud", None),
    "resolve_vm": ("PUT", "/vm/action/assign/cloud", {"node": "1", "user": "u", "vm_type": "a"}),
    "assign_vm": ("PUT", "/vm/action/assign/cloud", {"node": "1", "user": "u", "vm_type": "a"}),
    "release_vm": ("PUT", "/vm/action/release/cloud", {"node": "1"}),
}

FREE: Final = 1


class BackendUnderTest(UnderTest):
    """What the tests of an assignment backend do with it."""

    def _serve(self) -> Served:
        root = Path(self._stack.enter_context(TemporaryDirectory(prefix="orchestrator-cloud-")))
        cloud = {"store": f"file:{root / 'cloud.db'}"}
        self._nodes = _start_nodes(root)
        self._fake, directory = self._stack.enter_context(self.subject.faked(self._nodes))
        self._free = list(self._nodes)
        data = self.subject.settings(self._fake.settings, cloud)
        served = self._stack.enter_context(serving(data, directory))
        used = expect(served.api.get("/plugins"), 200)["plugins"]
        for plugin in used:
            for use in plugin["used_by"]:
                assert use["state"] == "ready", f"{plugin['name']}: {use['message']}"
        return served

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What the cloud had at first."""
        assert self.served is not None
        return self._nodes

    def take(self) -> Node:
        """Return a node of which nobody has made use yet."""
        assert self.served is not None
        return self._free.pop()

    def refuses(self, hook: str) -> None:
        """Hold the refusal of a hook to the document: 501, and the same reason as in the report."""
        reason = self.operations()[hook]["reason"]
        assert reason, f"{hook} is not supported, and no reason is given"
        answer = self.api.send(*_ROUTES[hook])
        assert answer.status == 501, answer  # noqa: PLR2004 - not implemented
        assert answer.error_code == "unsupported", answer

    def vms(self) -> dict[str, Json]:
        """Return the VMs of ``/vm/status`` by node id."""
        nodes = expect(self.api.get("/vm/status/cloud"), 200)["nodes"]
        return {vm["id_vm"]: vm for vm in nodes}

    def assign(self, user: str, vm_type: str = "conformance", **vm: str) -> Answer:
        """Ask for a VM, named by ``node``, ``hostname`` or both."""
        body = {**vm, "user": user, "vm_type": vm_type}
        return self.api.put("/vm/action/assign/cloud", body)

    def release(self, **vm: str) -> Answer:
        """Give a VM back."""
        return self.api.put("/vm/action/release/cloud", dict(vm))

    def in_cloud(self) -> set[str]:
        """Return the ids of the nodes that the cloud has."""
        nodes = expect(self.api.get("/nodes/cloud"), 200)["nodes"]
        return {node["id"] for node in nodes}


def _start_nodes(root: Path) -> tuple[Node, ...]:
    with serving(stage_cloud(root / "cloud.db"), root) as served:
        body = {"name": "x", "image": "1", "size": "1"}
        for _ in range(_NODES):
            expect(served.api.post("/vm/start/cloud", body), 200)
        listed = expect(served.api.get("/nodes/cloud"), 200)["nodes"]
    return tuple(Node(node["id"], node["name"]) for node in listed)
