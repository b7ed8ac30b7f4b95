"""Starting, destroying, rebooting and switching VMs."""

from __future__ import annotations

from orchestrator_core.api.hints import hints_for
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import answers, encoding, requests
from orchestrator_core.api.v1.base import CloudResource, Parameters
from orchestrator_core.broker.broker import POWER, StartOrder, VmReference
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.model import CloudDescription, Node

_start = requests.StartRequestSchema()
_which = requests.WhichVmSchema()


class StartResource(CloudResource):
    """``POST /vm/start{/<cloud>}``."""

    async def on_post(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Start a VM; answer once the cloud has accepted and named it."""
        asked = self.cloud(cloud)
        hints = hints_for(req, asked)

        async def work(wanted: Parameters, permit: Permit) -> tuple[CloudDescription, Node]:
            order = StartOrder(**wanted)
            return await self.services.broker.start_vm(asked, order, permit, hints)

        wanted = await self.body(req, _start)
        description, node = await self.change(self.call(req, asked, "start_vm", wanted), work)
        resp.data = encoding.encode({"nodes": answers.shape_node(description, node, secrets=True)})


class ActResource(CloudResource):
    """``PUT``: does something to one VM that exists.

    Args:
        services: what the resources work with.
        operation: the hook's name.
        done: what has become of the VM, as the answer says it.
    """

    def __init__(self, services: Services, operation: str, done: str) -> None:
        super().__init__(services)
        self._operation = operation
        self._done = done

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Do it; answer once the cloud has accepted it."""
        asked = self.cloud(cloud)
        hints = hints_for(req, asked)

        async def work(wanted: Parameters, permit: Permit) -> str:
            vm = VmReference(wanted.get("node"), wanted.get("hostname"))
            return await self.services.broker.act(self._operation, asked, vm, permit, hints)

        wanted = await self.body(req, _which)
        node_id = await self.change(self.call(req, asked, self._operation, wanted), work)
        resp.data = encoding.encode({"result": f"Node {node_id} {self._done}"})


def stop_resource(services: Services) -> ActResource:
    """``PUT /vm/stop{/<cloud>}``: destroys the VM."""
    return ActResource(services, "stop_vm", "deleted")


def power_resource(services: Services, operation: str) -> ActResource:
    """``PUT /vm/action/<reboot|poweron|poweroff>{/<cloud>}``."""
    return ActResource(services, operation, POWER[operation])
