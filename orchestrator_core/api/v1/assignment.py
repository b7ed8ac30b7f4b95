"""Routes that assign VMs to users and applications, permanently or on lease, and release them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.shared.cloud_resource import CloudResource, Parameters
from orchestrator_core.api.shared.encoded import Encoded, answer_with
from orchestrator_core.api.shared.encoding import encode_items
from orchestrator_core.api.shared.requests import lease_seconds
from orchestrator_core.api.v1 import answers, encoding, requests
from orchestrator_core.api.v1.changes import ChangeResource
from orchestrator_core.broker.operations.change import Assigned, AssignOrder, Change, VmReference
from orchestrator_core.model import Vm

EMULATED: Final = {"id": 42, "id_vm": "-fake_id-", "result": "Node -fake_id- assigned"}
"""The answer of the API document to ``emulate``, for an assign and a release alike."""


class _AssignmentResource(ChangeResource[Assigned]):
    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Make the change."""
        await self.carry_out(req, resp, cloud)


class _EmulatedResource(_AssignmentResource):
    def emulated(self, resp: Response, wanted: Parameters) -> bool:
        """Answer with the documented example if the caller asks for it; no backend is called."""
        emulate: bool = wanted.pop("emulate")
        if emulate:
            resp.data = encoding.encode(EMULATED)
        return emulate


class AssignResource(_EmulatedResource):
    """``PUT /vm/action/assign{/<cloud>}``."""

    operation = "assign_vm"
    schema = requests.AssignRequestSchema()

    async def make(self, change: Change, wanted: Parameters) -> Assigned:
        """Assign the VM to the user and the application."""
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        lease = lease_seconds(wanted.get("lease"))
        order = AssignOrder(vm, wanted["user"], wanted["vm_type"], lease)
        return await self.services.broker.assign_vm(change, order)


class ReleaseResource(_EmulatedResource):
    """``PUT /vm/action/release{/<cloud>}``."""

    operation = "release_vm"
    schema = requests.ReleaseRequestSchema()

    async def make(self, change: Change, wanted: Parameters) -> Assigned:
        """Release the VM and destroy it."""
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        return await self.services.broker.release_vm(change, vm, wanted.get("generation"))


class RenewResource(_AssignmentResource):
    """``PUT /vm/action/renew{/<cloud>}``."""

    operation = "renew_vm"
    schema = requests.RenewRequestSchema()

    async def make(self, change: Change, wanted: Parameters) -> Assigned:
        """Set the end of the lease to the requested duration from now."""
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        lease = lease_seconds(wanted["lease"])
        assert lease is not None
        return await self.services.broker.renew_vm(change, vm, lease, wanted.get("generation"))


class UnknownActionResource(Resource):
    """``/vm/action/<anything else>``: no method is overridden, so that each answers 501."""


class VmStatusResource(CloudResource):
    """``GET /vm/status{/<cloud>}``."""

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with every VM that the cloud's assignment backend lists."""
        asked = self.cloud(cloud)
        self.services.registry.backend(asked)  # refuse a cloud without a backend first

        async def work(_: Parameters) -> Encoded:
            return await self.services.broker.list_vms(asked, _encode)

        extensions = self.services.extensions
        call = self.call(req, asked, "list_vms", {})
        answer_with(resp, await extensions.around(call, work))


def _encode(vms: Sequence[Vm]) -> Encoded:
    return encoding.encode_list("nodes", encode_items(answers.shape_vms, None, vms))
