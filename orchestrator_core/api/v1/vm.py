"""Starting, destroying, rebooting and switching VMs."""

from __future__ import annotations

from typing import Any

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import answers, requests
from orchestrator_core.api.v1.base import Parameters
from orchestrator_core.api.v1.change import ChangeResource
from orchestrator_core.broker.operations.change import (
    POWER,
    Acted,
    Change,
    Started,
    StartOrder,
    VmReference,
)


class StartResource(ChangeResource[Started]):
    """``POST /vm/start{/<cloud>}``."""

    operation = "start_vm"
    schema = requests.StartRequestSchema()

    async def on_post(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Start a VM; answer once the cloud has accepted and named it."""
        await self.carry_out(req, resp, cloud)

    async def make(self, change: Change, wanted: Parameters) -> Started:
        """Start it."""
        return await self.services.broker.start_vm(change, StartOrder(**wanted))

    def answer(self, made: Started) -> dict[str, Any]:
        """Show the VM, with what only its caller may see."""
        return {"nodes": answers.shape_node(made.cloud, made.node, secrets=True)}


class ActResource(ChangeResource[Acted]):
    """``PUT``: does something to one VM that exists.

    Args:
        services: what the resources work with.
        operation: the hook's name.
        done: what has become of the VM, as the answer says it.
    """

    schema = requests.WhichVmSchema()

    def __init__(self, services: Services, operation: str, done: str) -> None:
        super().__init__(services)
        self.operation = operation
        self._done = done

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Do it; answer once the cloud has accepted it."""
        await self.carry_out(req, resp, cloud)

    async def make(self, change: Change, wanted: Parameters) -> Acted:
        """Do it."""
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        return await self.services.broker.act(change, self.operation, vm)

    def answer(self, made: Acted) -> dict[str, Any]:
        """Say what has become of the VM."""
        return {"result": f"Node {made.node_id} {self._done}"}


def stop_resource(services: Services) -> ActResource:
    """``PUT /vm/stop{/<cloud>}``: destroys the VM."""
    return ActResource(services, "stop_vm", "deleted")


def power_resource(services: Services, operation: str) -> ActResource:
    """``PUT /vm/action/<reboot|poweron|poweroff>{/<cloud>}``."""
    return ActResource(services, operation, POWER[operation])
