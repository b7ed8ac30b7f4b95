"""Assigning VMs to users and applications, releasing them, and who has which."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import Schema

from orchestrator_core.api.body import read_object
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import answers, requests
from orchestrator_core.broker.broker import Broker
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.model import AssignmentResult

EMULATED: Final = {"id": 42, "id_vm": "-fake_id-", "result": "Node -fake_id- assigned"}
"""What the API document answers to ``emulate``, for an assign and a release alike."""


class _Action(Resource):
    schema: ClassVar[Schema]

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Carry the action out, or emulate it: then no backend is asked."""
        asked = self._services.registry.cloud(cloud)
        body = await read_object(req, self._services.settings.server.max_body)
        wanted = requests.load(self.schema, body)
        if wanted.pop("emulate"):
            resp.data = answers.encode(EMULATED)
            return
        result = await self.act(self._services.broker, asked, wanted)
        resp.data = answers.encode(answers.shape_assignment(result))

    async def act(self, broker: Broker, cloud: Cloud, wanted: dict[str, Any]) -> AssignmentResult:
        """Carry the action out."""
        raise NotImplementedError


class AssignResource(_Action):
    """``PUT /vm/action/assign{/<cloud>}``."""

    schema = requests.AssignRequestSchema()

    async def act(self, broker: Broker, cloud: Cloud, wanted: dict[str, Any]) -> AssignmentResult:
        """Give the VM to the user and the application."""
        return await broker.assign_vm(
            cloud,
            wanted.get("node"),
            wanted.get("hostname"),
            wanted["user"],
            wanted["vm_type"],
        )


class ReleaseResource(_Action):
    """``PUT /vm/action/release{/<cloud>}``."""

    schema = requests.ReleaseRequestSchema()

    async def act(self, broker: Broker, cloud: Cloud, wanted: dict[str, Any]) -> AssignmentResult:
        """Take the VM back and destroy it."""
        return await broker.release_vm(cloud, wanted.get("node"), wanted.get("hostname"))


class UnknownActionResource(Resource):
    """``/vm/action/<anything else>``: what is not overridden answers 501."""


class VmStatusResource(Resource):
    """``GET /vm/status{/<cloud>}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with every VM that the cloud's assignment backend knows."""
        asked = self._services.registry.cloud(cloud)
        vms = await self._services.registry.backend(asked).list_vms(asked.name)
        resp.data = answers.encode({"nodes": answers.shape_vms(vms)})
