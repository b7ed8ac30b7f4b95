"""Assigning VMs to users and applications, releasing them, and who has which."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import Schema

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.v1 import answers, requests
from orchestrator_core.api.v1.base import CloudResource
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.model import AssignmentResult

EMULATED: Final = {"id": 42, "id_vm": "-fake_id-", "result": "Node -fake_id- assigned"}
"""What the API document answers to ``emulate``, for an assign and a release alike."""


class _ActionResource(CloudResource):
    operation: ClassVar[str]
    schema: ClassVar[Schema]

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Carry the action out, or emulate it: then no backend is asked."""
        asked = self.cloud(cloud)

        async def work(wanted: dict[str, Any]) -> AssignmentResult:
            return await self.act(asked, wanted)

        wanted = await self.body(req, self.schema)
        if wanted.pop("emulate"):
            resp.data = answers.encode(EMULATED)
            return
        result = await self.around(req, self.operation, asked, wanted, work)
        resp.data = answers.encode(answers.shape_assignment(result))

    async def act(self, cloud: Cloud, wanted: dict[str, Any]) -> AssignmentResult:
        """Carry the action out."""
        raise NotImplementedError


class AssignResource(_ActionResource):
    """``PUT /vm/action/assign{/<cloud>}``."""

    operation = "assign_vm"
    schema = requests.AssignRequestSchema()

    async def act(self, cloud: Cloud, wanted: dict[str, Any]) -> AssignmentResult:
        """Give the VM to the user and the application."""
        return await self.services.broker.assign_vm(
            cloud,
            wanted.get("node"),
            wanted.get("hostname"),
            wanted["user"],
            wanted["vm_type"],
        )


class ReleaseResource(_ActionResource):
    """``PUT /vm/action/release{/<cloud>}``."""

    operation = "release_vm"
    schema = requests.ReleaseRequestSchema()

    async def act(self, cloud: Cloud, wanted: dict[str, Any]) -> AssignmentResult:
        """Take the VM back and destroy it."""
        return await self.services.broker.release_vm(
            cloud, wanted.get("node"), wanted.get("hostname")
        )


class UnknownActionResource(Resource):
    """``/vm/action/<anything else>``: what is not overridden answers 501."""


class VmStatusResource(CloudResource):
    """``GET /vm/status{/<cloud>}``."""

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with every VM that the cloud's assignment backend knows."""
        asked = self.cloud(cloud)
        backend = self.services.registry.backend(asked)

        async def work(_: dict[str, Any]) -> bytes:
            vms = await backend.list_vms(asked.name)
            return answers.encode({"nodes": answers.shape_vms(vms)})

        resp.data = await self.around(req, "list_vms", asked, {}, work)
