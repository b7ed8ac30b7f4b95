"""Routes that show the configured clouds, their operations and their health."""

from __future__ import annotations

import asyncio
from typing import Any

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.cloud_report import CloudReport
from orchestrator_core.api.shared.watched import watched
from orchestrator_core.api.v1 import encoding
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import OrchestratorError


class CloudsResource(Resource):
    """``GET /cloud``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every configured cloud; a cloud that cannot be used has no type."""

        async def work(_: dict[str, Any]) -> bytes:
            clouds = self._services.registry.clouds.values()
            served = await asyncio.gather(*(self._served(cloud) for cloud in clouds))
            return encoding.encode({"served_cloud": served})

        resp.data = await watched(self._services, req, "list_clouds", {}, work)

    @staticmethod
    async def _served(cloud: Cloud) -> dict[str, Any]:
        described = await cloud.description()
        if isinstance(described, OrchestratorError):
            return {"name": cloud.name, "type": None, "host": None}
        return {"name": cloud.name, "type": described.display_name, "host": described.host}


class CloudReportResource(Resource):
    """``GET /cloud/<cloud>``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: Request, resp: Response, cloud: str = "", **_: str) -> None:
        """Answer with the cloud's operations and its health, as seen by this process."""
        named = self._services.registry.cloud(cloud).name
        asked = {"cloud": named}
        resp.data = await watched(self._services, req, "get_cloud", asked, self._encoded)

    async def _encoded(self, wanted: dict[str, Any]) -> bytes:
        asked = self._services.registry.cloud(wanted["cloud"])
        return encoding.encode({"cloud": await CloudReport(self._services).of(asked)})
