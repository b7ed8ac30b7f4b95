"""A server with clouds in memory whose nodes a test can change directly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from good_backend import DESKS, Desk, GoodBackend
from good_cloud import SERVERS, GoodCloud, Server
from orchestrator_core import (
    AssignmentResult,
    AssignRequest,
    CloudError,
    Node,
    NodeState,
    Vm,
    hookimpl,
)
from orchestrator_core.testing import Api, Kind, Stage
from orchestrator_core.testing.targets.serving import serving
from tests.testing.install import installed

Json = dict[str, Any]


@dataclass
class World:
    """A running API, and the nodes of its cloud by id."""

    api: Api
    nodes: dict[str, Node]

    def has(self, node_id: str, name: str, state: NodeState = NodeState.RUNNING) -> str:
        """Add a node to the cloud; return its id."""
        self.nodes[node_id] = Node(node_id, name, state)
        return node_id

    def assign(self, user: str = "ann", **vm: str) -> Any:
        return self.api.put("/vm/action/assign", {**vm, "user": user, "vm_type": "app"})

    def statuses(self) -> dict[str, tuple[int, str]]:
        """Return the status of each VM and its description, by node id."""
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
        directory: the folder for the server's files.
        driver: the test plugin of the cloud.
        backend: ``given`` or ``good``, which keeps its assignments itself.
        cloud: further settings of the cloud.
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


BROKEN: set[str] = set()
"""The servers whose clouds fail to list."""


class Breakable(GoodCloud):
    """A cloud whose list can be made to fail."""

    @hookimpl
    def list_nodes(self) -> list[Node]:
        if self.where in BROKEN:
            raise CloudError("The list cannot be had")
        return super().list_nodes()


class ByHostname(GoodBackend):
    """A backend that gets only a VM's hostname, and takes the first VM that has it."""

    by_hostname = True

    def _first(self, vm: Vm) -> Vm:
        named = [one for one in self.desk.vms.values() if one.hostname == vm.hostname]
        return replace(named[0], cloud=vm.cloud) if named else vm

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        return super().assign_vm(replace(request, vm=self._first(request.vm)))

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        return super().release_vm(cloud, self._first(vm))


@dataclass
class Named(World):
    """Three clouds, of which the first two have a backend that knows VMs by hostname.

    Attributes:
        clouds: the nodes by cloud and id.
        desk: the backend's records by id.
    """

    clouds: dict[str, dict[str, Node]]
    vms: dict[tuple[str, str], Vm]
    servers: dict[str, str]

    def has(
        self,
        node_id: str,
        name: str,
        state: NodeState = NodeState.RUNNING,
        cloud: str = "cloud",
    ) -> str:
        """Add a node to a cloud; return its id."""
        self.clouds[cloud][node_id] = Node(node_id, name, state)
        return node_id

    def known(self, node_id: str, name: str, cloud: str = "cloud") -> str:
        """Add a node that the backend knows too; return its id."""
        self.vms[cloud, node_id] = Vm(len(self.vms) + 1, node_id, name, cloud=cloud)
        return self.has(node_id, name, cloud=cloud)

    def record(self, node_id: str) -> Vm:
        """Return the backend's record."""
        return next(vm for (_, its), vm in self.vms.items() if its == node_id)

    def forget(self, node_id: str) -> None:
        """Delete a VM from the backend."""
        for key in [key for key in self.vms if key[1] == node_id]:
            del self.vms[key]

    def release(self, **vm: str) -> Any:
        return self.api.put("/vm/action/release", vm)

    def fail(self, cloud: str) -> None:
        """Make the cloud's list fail from now on."""
        BROKEN.add(self.servers[cloud])


@contextmanager
def namesakes_world(directory: Path) -> Iterator[Named]:
    """Serve three clouds; the backend of the first two knows VMs by hostname alone."""
    with ExitStack() as stack:
        entry = "tests.selection.clouds:Breakable"
        stack.enter_context(installed(Kind.CLOUD, "mem", entry, Name="tests-mem"))
        entry = "tests.selection.clouds:ByHostname"
        stack.enter_context(installed(Kind.ASSIGNMENT, "named", entry, Name="tests-named"))
        password = directory / "password"
        password.write_text("open-sesame")
        clouds: dict[str, Json] = {}
        servers: dict[str, str] = {}
        for name, backend in (("cloud", "b"), ("second", "b"), ("third", "g")):
            servers[name] = f"{directory}/{name}"
            SERVERS[servers[name]] = Server()
            stack.callback(SERVERS.pop, servers[name])
            stack.callback(BROKEN.discard, servers[name])
            own = {"server": servers[name], "password": f"file:{password}"}
            clouds[name] = {**own, "driver": "mem", "assignment": backend, "destroy": "all"}
            clouds[name] |= {"retries": 0}
        desk = DESKS[str(directory)] = Desk()
        stack.callback(DESKS.pop, str(directory))
        token = directory / "token"
        token.write_text("hunter2-token")
        data: Json = {
            "default_cloud": "cloud",
            "plugins": {"allow": ["mem", "given", "named"]},
            "clouds": clouds,
            "assignments": {
                "b": {"backend": "named", "desk": str(directory), "token": f"file:{token}"},
                "g": {"backend": "given"},
            },
        }
        api = stack.enter_context(serving(data, directory)).api
        nodes = {name: SERVERS[where].nodes for name, where in servers.items()}
        yield Named(api, nodes["cloud"], nodes, desk.vms, servers)
