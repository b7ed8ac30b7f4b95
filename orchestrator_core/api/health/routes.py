"""The routes below ``/health``; none of them needs a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from orchestrator_core.api.health.readiness import ReadinessProbe
from orchestrator_core.api.health.report import OK, UNAVAILABLE, checks, worst
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.resources import core_version

HEALTH: Final = "/health"
"""The path of the report; the probes are below it."""


class LiveResource(Resource):
    """``GET /health/live``."""

    public = True

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer that this process answers."""
        _answer(resp, {"status": OK})


class ReadyResource(Resource):
    """``GET /health/ready``.

    Args:
        probe: the check of this process.
    """

    public = True

    def __init__(self, probe: ReadinessProbe) -> None:
        self._probe = probe

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with 200 if this process can serve, otherwise with 503 and the reasons."""
        reasons = (await self._probe.look()).reasons
        if reasons:
            _answer(resp, {"status": UNAVAILABLE, "reasons": reasons})
        else:
            _answer(resp, {"status": OK})


class HealthResource(Resource):
    """``GET /health``.

    Args:
        services: the objects that resources use.
        probe: the check of this process.
    """

    public = True

    def __init__(self, services: Services, probe: ReadinessProbe) -> None:
        self._services = services
        self._probe = probe

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every check; a client that the API serves sees names and the version too."""
        is_caller = req.context.refusal is None
        found = list(checks(self._services, await self._probe.look()))
        shown = [check.shown(is_caller=is_caller) for check in found]
        about = {"version": core_version()} if is_caller else {}
        _answer(resp, {"status": worst(found), **about, "checks": shown})


def routes(services: Services) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for the report and the two probes."""
    probe = ReadinessProbe(services)
    yield HEALTH, HealthResource(services, probe)
    yield f"{HEALTH}/live", LiveResource()
    yield f"{HEALTH}/ready", ReadyResource(probe)


def _answer(resp: Response, body: dict[str, Any]) -> None:
    resp.status = 503 if body["status"] == UNAVAILABLE else 200
    resp.set_header("Cache-Control", "no-store")
    resp.data = orjson.dumps(body)
