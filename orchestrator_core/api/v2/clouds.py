"""Routes that show the configured clouds, what they offer, and their health."""

from __future__ import annotations

import asyncio
from typing import Any

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.cloud_report import CloudReport
from orchestrator_core.api.shared.encoding import encode
from orchestrator_core.api.shared.watched import watched
from orchestrator_core.api.v2 import queries
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import OrchestratorError


class CloudsResource(Resource):
    """``GET /clouds``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every configured cloud; a cloud that cannot be used says why."""
        queries.parameters(req, [])

        async def work(_: dict[str, Any]) -> bytes:
            clouds = self._services.registry.clouds.values()
            shown = await asyncio.gather(*(self._shown(cloud) for cloud in clouds))
            return encode({"clouds": shown})

        resp.data = await watched(self._services, req, "list_clouds", {}, work)

    async def _shown(self, cloud: Cloud) -> dict[str, Any]:
        described = await cloud.description()
        shown = {"name": cloud.name, "is_default": cloud is self._default}
        if isinstance(described, OrchestratorError):
            nothing = dict.fromkeys(("display_name", "provider", "host"))
            return {**shown, **nothing, "available": False, "detail": described.message}
        return {
            **shown,
            "display_name": described.display_name,
            "provider": described.provider,
            "host": described.host,
            "available": True,
            "detail": None,
        }

    @property
    def _default(self) -> Cloud | None:
        try:
            return self._services.registry.cloud(None)
        except OrchestratorError:
            return None


class CloudResource(Resource):
    """``GET /clouds/{cloud}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: Request, resp: Response, cloud: str = "", **_: str) -> None:
        """Answer with what the cloud offers, and with its health as seen by this process."""
        queries.parameters(req, [])
        named = self._services.registry.cloud(cloud).name
        asked = {"cloud": named}
        resp.data = await watched(self._services, req, "get_cloud", asked, self._encoded)

    async def _encoded(self, wanted: dict[str, Any]) -> bytes:
        asked = self._services.registry.cloud(wanted["cloud"])
        return encode(await CloudReport(self._services).of(asked))
