"""Routes that start, destroy, reboot and switch VMs."""

from __future__ import annotations

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import requests
from orchestrator_core.api.v1.base import Parameters
from orchestrator_core.api.v1.change import ChangeResource
from orchestrator_core.broker.operations.change import (
    Change,
    Made,
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
        """Start the VM."""
        return await self.services.broker.start_vm(change, StartOrder(**wanted))


class ActResource(ChangeResource[Made]):
    """``PUT``: a change of one existing VM.

    Args:
        services: the objects that resources use.
        operation: the hook's name.
    """

    schema = requests.WhichVmSchema()

    def __init__(self, services: Services, operation: str) -> None:
        super().__init__(services)
        self.operation = operation

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Make the change; answer once the cloud has accepted it."""
        await self.carry_out(req, resp, cloud)

    async def make(self, change: Change, wanted: Parameters) -> Made:
        """Make the change."""
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        return await self.services.broker.act(change, self.operation, vm)


def stop_resource(services: Services) -> ActResource:
    """Return the resource of ``PUT /vm/stop{/<cloud>}``, which destroys the VM."""
    return ActResource(services, "stop_vm")


def power_resource(services: Services, operation: str) -> ActResource:
    """Return the resource of ``PUT /vm/action/<reboot|poweron|poweroff>{/<cloud>}``."""
    return ActResource(services, operation)
