"""The base class of the resources that work on a cloud."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from orchestrator_core.api.body import read_object
from orchestrator_core.api.resource import Request, Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.hints import hints_for, naming_the_header
from orchestrator_core.clouds.cloud import Cloud, Question, Reading
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import NodeNotFound, OrchestratorError
from orchestrator_core.model import Call

T = TypeVar("T")

Parameters = dict[str, Any]


class CloudResource(Resource):
    """A resource whose path may name a cloud."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def cloud(self, name: str | None) -> Cloud:
        """Return the cloud that the path names, or the default one.

        Raises:
            UnknownCloud: when there is no such cloud.
        """
        return self.services.registry.cloud(name)

    async def raw_body(self, req: Request) -> Parameters:
        """Return the request's body as it was sent.

        Raises:
            BodyRefused, InvalidParameter: when the body is not a JSON object.
        """
        return await read_object(req, self.services.settings.server.max_body)

    async def read(
        self, req: Request, cloud: Cloud, question: Question[T], max_age: float = math.inf
    ) -> Reading[T]:
        """Ask a cloud on behalf of this caller, with the extensions around the call.

        Args:
            req: the request.
            cloud: the cloud to ask.
            question: the question to the cloud; the extensions may change its parameters.
            max_age: the greatest age of a cached answer in seconds.
        """
        hints = hints_for(req, cloud)
        with naming_the_header():
            if not self.services.extensions.all:
                return await self._ask(cloud, question, max_age, hints)

            async def work(wanted: Parameters) -> Reading[T]:
                return await self._ask(cloud, replace(question, parameters=wanted), max_age, hints)

            call = self.call(req, cloud, question.operation, dict(question.parameters))
            return await self.services.extensions.around(call, work)

    async def _ask(
        self, cloud: Cloud, question: Question[T], max_age: float, hints: Mapping[str, str]
    ) -> Reading[T]:
        """Ask a cloud; show a node that was just started as the ledger knows it.

        Clouds are eventually consistent: their reads lag behind the starts that they accept.
        """
        try:
            return await cloud.read(question, max_age, hints)
        except NodeNotFound:
            if question.operation != "get_node":
                raise
            (node_id,) = map(str, question.parameters.values())
            node = await self.services.broker.new_node(cloud, node_id)
            description = await cloud.description()
            if node is None or isinstance(description, OrchestratorError):
                raise
            shaped = await asyncio.to_thread(question.shape, description, node)
            return Reading(shaped, 0.0)

    async def change(self, call: Call, work: Callable[[Parameters, Permit], Awaitable[T]]) -> T:
        """Make a change with the extensions around it, even if the caller disconnects.

        Args:
            call: the caller's call.
            work: the function that makes the change with the parameters from the extensions, after
                it has asked the permit.
        """

        async def permitted(permit: Permit) -> T:
            if not self.services.extensions.all:
                return await work(call.parameters, permit)
            return await self.services.extensions.around(
                call, lambda wanted: work(wanted, permit), permit
            )

        return await self.services.broker.in_flight.run(permitted)

    def call(
        self,
        req: Request,
        cloud: Cloud,
        operation: str,
        parameters: Parameters,
        operation_id: str | None = None,
    ) -> Call:
        """Return this caller's call as extensions receive it."""
        return Call(
            operation=operation,
            cloud=cloud.name,
            caller=req.context.caller,
            request_id=req.context.request_id,
            deadline=self.services.registry.seconds(cloud, operation),
            parameters=parameters,
            operation_id=operation_id,
        )
