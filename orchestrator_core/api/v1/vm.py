"""Routes that start VMs, and routes that change one VM: destroy, reboot, switch on and off."""

from __future__ import annotations

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.cloud_resource import Parameters
from orchestrator_core.api.shared.requests import StartRequestSchema, load
from orchestrator_core.api.v1 import requests
from orchestrator_core.api.v1.changes import ChangeResource
from orchestrator_core.broker.operations.change import (
    Change,
    Made,
    Started,
    VmReference,
)
from orchestrator_core.broker.operations.start_order import start_order


class StartResource(ChangeResource[Started]):
    """``POST /vm/start{/<cloud>}``."""

    operation = "start_vm"
    schema = StartRequestSchema()

    async def on_post(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Start a VM; answer once the cloud has accepted and named it."""
        await self.carry_out(req, resp, cloud)

    async def make(self, change: Change, wanted: Parameters) -> Started:
        """Start the VM."""
        # An extension may have changed the fields.
        checked = load(self.schema, wanted)
        return await self.services.broker.start_vm(change, await start_order(change.cloud, checked))


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
        # An extension may have changed the fields.
        checked = load(self.schema, wanted)
        vm = VmReference(checked.get("node"), checked.get("hostname"))
        return await self.services.broker.act(change, self.operation, vm, {})
