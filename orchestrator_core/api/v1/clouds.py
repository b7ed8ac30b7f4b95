"""Routes that show the configured clouds, their operations and their health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.cloud_report import CloudReport
from orchestrator_core.api.shared.watched import watched
from orchestrator_core.api.v1 import encoding
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import OrchestratorError

_WORDS: Final = {"display_name": "type", "detail": "message"}
"""The keys of a report that version 1 names otherwise."""


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
        report = await CloudReport(self._services).of(asked)
        return encoding.encode({"cloud": _in_words_of_version_1(report)})


def _in_words_of_version_1(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report with version 1's keys, in its last error too."""
    shown = {_WORDS.get(key, key): value for key, value in report.items()}
    if report["last_error"] is not None:
        error = report["last_error"].items()
        shown["last_error"] = {_WORDS.get(key, key): value for key, value in error}
    return shown
