"""An assignment backend behind a running API, with a cloud of a few nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from orchestrator_core.model import Node
from orchestrator_core.testing.targets.api import Answer, Json
from orchestrator_core.testing.targets.serving import Served, serving
from orchestrator_core.testing.targets.stage import STAGE_CLOUD, stage_nodes, stage_settings
from orchestrator_core.testing.targets.target import UnderTest, all_ready, expect

_NODES: Final = 20

_TWIN: Final = "twin"

OTHER: Final = "other"
"""A second cloud with the same backend; the fake does not know its nodes."""

_ROUTES: Final[dict[str, tuple[str, str, Json | None]]] = {
    "list_vms": ("GET", "/vm/status/cloud", None),
    "resolve_vm": ("PUT", "/vm/action/assign/cloud", {"node": "1", "user": "u", "vm_type": "a"}),
    "assign_vm": ("PUT", "/vm/action/assign/cloud", {"node": "1", "user": "u", "vm_type": "a"}),
    "release_vm": ("PUT", "/vm/action/release/cloud", {"node": "1"}),
}

FREE: Final = 1


class BackendUnderTest(UnderTest):
    """The actions and reads that tests of an assignment backend need."""

    def _serve(self) -> Served:
        root = Path(self._stack.enter_context(TemporaryDirectory(prefix="orchestrator-cloud-")))
        self._store = root / "cloud.db"
        self._nodes = stage_nodes(self._store, _NODES)
        faked = self.subject.faked(self.plugin.factory, self._nodes)
        self._fake, directory = self._stack.enter_context(faked)
        self._free = list(self._nodes)
        data = self.settings(self._fake.settings)
        served = self._stack.enter_context(serving(data, directory, file=self._fake.file))
        all_ready(served)
        return served

    def settings(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a server with the cloud of all tests and a second cloud."""
        data = self.subject.settings(own, stage_settings(self._store))
        data["clouds"][OTHER] = {"driver": STAGE_CLOUD, "assignment": "backend"}
        return data

    @property
    def external(self) -> bool:
        """Whether the backend keeps assignments outside the core's ledger."""
        return bool(getattr(self.plugin.factory, "external", True))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that the cloud had at the start."""
        assert self.served is not None
        return self._nodes

    def take(self) -> Node:
        """Return a node that no test has used yet."""
        assert self.served is not None
        return self._free.pop()

    def with_namesakes(self) -> tuple[Served, Node, Node]:
        """Serve the backend in a second server, with a fake that has two VMs with one hostname.

        Returns:
            The server, and the two VMs; the cloud has both.
        """
        one, other = (replace(self.take(), name=_TWIN) for _ in range(2))
        faked = self.subject.faked(self.plugin.factory, (one, other))
        fake, _ = self._stack.enter_context(faked)
        return self.elsewhere(self.settings(fake.settings)), one, other

    def refuses(self, hook: str) -> None:
        """Check the refusal of a hook: 501 with the reason that the report gives."""
        reason = self.operations()[hook]["reason"]
        assert reason, f"{hook} is not supported, but the report has no reason"
        expect(self.api.send(*_ROUTES[hook]), 501, code="unsupported")

    def vms(self) -> dict[str, Json]:
        """Return the VMs of ``/vm/status`` by node id."""
        nodes = expect(self.api.get("/vm/status/cloud"), 200)["nodes"]
        return {vm["id_vm"]: vm for vm in nodes}

    def assign(self, user: str, vm_type: str = "conformance", **vm: str) -> Answer:
        """Assign a VM that is named by ``node``, ``hostname`` or both."""
        body = {**vm, "user": user, "vm_type": vm_type}
        return self.api.put("/vm/action/assign/cloud", body)

    def release(self, **vm: str) -> Answer:
        """Release a VM that is named by ``node``, ``hostname`` or both."""
        return self.api.put("/vm/action/release/cloud", dict(vm))

    def in_cloud(self) -> set[str]:
        """Return the ids of the cloud's nodes."""
        nodes = expect(self.api.get("/nodes/cloud"), 200)["nodes"]
        return {node["id"] for node in nodes}
