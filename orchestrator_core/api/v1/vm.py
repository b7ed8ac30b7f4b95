"""Starting, destroying, rebooting and switching VMs."""

from __future__ import annotations

from typing import Any

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import answers, requests
from orchestrator_core.api.v1.base import Parameters
from orchestrator_core.api.v1.change import ChangeResource
from orchestrator_core.broker.change import POWER, Change, StartOrder, VmReference


class StartResource(ChangeResource):
    """``POST /vm/start{/<cloud>}``."""

    operation = "start_vm"
    schema = requests.StartRequestSchema()

    async def on_post(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Start a VM; answer once the cloud has accepted and named it."""
        await self.carry_out(req, resp, cloud)

    async def make(self, change: Change, wanted: Parameters) -> dict[str, Any]:
        """Start it."""
        started = await self.services.broker.start_vm(change, StartOrder(**wanted))
        return {"nodes": answers.shape_node(started.cloud, started.node, secrets=True)}


class ActResource(ChangeResource):
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

    async def make(self, change: Change, wanted: Parameters) -> dict[str, Any]:
        """Do it."""
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        acted = await self.services.broker.act(change, self.operation, vm)
        return {"result": f"Node {acted.node_id} {self._done}"}


def stop_resource(services: Services) -> ActResource:
    """``PUT /vm/stop{/<cloud>}``: destroys the VM."""
    return ActResource(services, "stop_vm", "deleted")


def power_resource(services: Services, operation: str) -> ActResource:
    """``PUT /vm/action/<reboot|poweron|poweroff>{/<cloud>}``."""
    return ActResource(services, operation, POWER[operation])
