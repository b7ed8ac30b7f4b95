"""A server with a cloud in memory whose nodes a test may change behind its back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from orchestrator_core import Node, NodeState
from orchestrator_core.testing import Api, Kind, Stage
from orchestrator_core.testing.serving import serving
from tests.testing.install import installed

Json = dict[str, Any]


@dataclass
class World:
    """A running API, and the nodes of its cloud by id."""

    api: Api
    nodes: dict[str, Node]

    def has(self, node_id: str, name: str, state: NodeState = NodeState.RUNNING) -> str:
        """Let the cloud have a node; return its id."""
        self.nodes[node_id] = Node(node_id, name, state)
        return node_id

    def assign(self, user: str = "ann", **vm: str) -> Any:
        return self.api.put("/vm/action/assign", {**vm, "user": user, "vm_type": "app"})

    def statuses(self) -> dict[str, tuple[int, str]]:
        """The status of each VM and its description, by node id."""
        vms = self.api.get("/vm/status").json["nodes"]
        return {vm["id_vm"]: (vm["status"], vm["status_desc"]) for vm in vms}


@contextmanager
def world(
    directory: Path,
    driver: str = "good_cloud:GoodCloud",
    backend: str = "given",
    cloud: Mapping[str, Any] | None = None,
) -> Iterator[World]:
    """Serve a cloud with an assignment backend.

    Args:
        directory: for the server's files.
        driver: the plugin of the tests that the cloud is made with.
        backend: ``given`` or ``good``, which keeps its assignments itself.
        cloud: more settings of the cloud.
    """
    with ExitStack() as stack:
        stack.enter_context(installed(Kind.CLOUD, "mem", driver, Name="tests-mem"))
        entry = "good_backend:GoodBackend"
        stack.enter_context(installed(Kind.ASSIGNMENT, "good", entry, Name="tests-good"))
        good_cloud = import_module("good_cloud")
        fake = stack.enter_context(good_cloud.fake(Stage(directory, ())))
        nodes: dict[str, Node] = good_cloud.SERVERS[str(directory)].nodes
        data: Json = {
            "default_cloud": "cloud",
            "plugins": {"allow": ["mem", "given", "good"]},
            "clouds": {
                "cloud": {
                    **fake.settings,
                    "driver": "mem",
                    "assignment": "b",
                    "destroy": "all",
                    **(cloud or {}),
                }
            },
            "assignments": {"b": {"backend": backend}},
        }
        if backend == "good":
            desk = import_module("good_backend")
            its = stack.enter_context(desk.fake(Stage(directory, tuple(nodes.values()))))
            data["assignments"]["b"] |= its.settings
        if data["clouds"]["cloud"]["destroy"] is None:
            del data["clouds"]["cloud"]["destroy"]
        yield World(stack.enter_context(serving(data, directory)).api, nodes)
