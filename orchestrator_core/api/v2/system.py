"""Routes of the server itself: its plugins, and its processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.encoding import encode
from orchestrator_core.api.shared.watched import watched
from orchestrator_core.api.v2 import queries
from orchestrator_core.api.v2.answers import encode_processes
from orchestrator_core.api.v2.records import RecordsResource
from orchestrator_core.errors import OrchestratorError


class PluginsResource(Resource):
    """``GET /plugins``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every plugin found, the result of loading it, and its users."""
        queries.parameters(req, [])

        async def work(_: dict[str, Any]) -> bytes:
            return encode({"plugins": await self._reports()})

        resp.data = await watched(self._services, req, "list_plugins", {}, work)

    async def _reports(self) -> list[dict[str, Any]]:
        """Return the report of every plugin."""
        uses = [use async for use in self._uses()]
        return [
            {
                **record.report(),
                "used_by": [use for key, use in uses if key == (record.kind.value, record.name)],
            }
            for record in self._services.plugins.records
        ]

    async def _uses(self) -> AsyncIterator[tuple[tuple[str, str], dict[str, Any]]]:
        registry = self._services.registry
        for cloud in registry.clouds.values():
            described = await cloud.description()
            error = described.message if isinstance(described, OrchestratorError) else ""
            yield ("cloud", cloud.settings.driver), _use(cloud.name, error)
        for backend in registry.backends.values():
            yield ("assignment", backend.settings.backend), _use(backend.name, backend.failure)
        for extension in self._services.extensions.all:
            use = _use(extension.name, extension.failure)
            yield ("extension", extension.settings.extension), use


def _use(name: str, error: str) -> dict[str, Any]:
    return {"name": name, "state": "failed" if error else "ready", "detail": error or None}


class ProcessesResource(RecordsResource):
    """``GET /processes``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every process that works on the database, and why destruction is held."""
        queries.parameters(req, [])

        async def work(_: dict[str, Any]) -> bytes:
            return encode_processes(*await self.records.processes())

        resp.data = await self.watched(req, "list_processes", {}, work)
