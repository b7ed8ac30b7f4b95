"""What the resources of version 1 that work on a cloud have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from marshmallow import Schema

from orchestrator_core.api.body import read_object
from orchestrator_core.api.resource import Request, Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import requests
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.model import Call

T = TypeVar("T")


class CloudResource(Resource):
    """A resource whose path may end with a cloud's name."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def cloud(self, name: str | None) -> Cloud:
        """Return the cloud that the path names, or the default one.

        Raises:
            UnknownCloud: when there is none.
        """
        return self.services.registry.cloud(name)

    async def body(self, req: Request, schema: Schema) -> dict[str, Any]:
        """Return the request's body, checked.

        Raises:
            BodyRefused, InvalidParameter: naming what is wrong with it.
        """
        return requests.load(schema, await read_object(req, self.services.settings.server.max_body))

    async def around(
        self,
        req: Request,
        operation: str,
        cloud: Cloud,
        parameters: dict[str, Any],
        work: Callable[[dict[str, Any]], Awaitable[T]],
    ) -> T:
        """Make this caller's call with the extensions around it."""
        if not self.services.extensions.all:
            return await work(parameters)
        call = Call(
            operation=operation,
            cloud=cloud.name,
            caller=req.context.caller,
            request_id=req.context.request_id,
            deadline=self.services.registry.seconds(cloud, operation),
            parameters=parameters,
        )
        return await self.services.extensions.around(call, work)
