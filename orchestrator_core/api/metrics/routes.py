"""``GET /metrics``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Final

from orchestrator_core.api.bounded import BoundedValue
from orchestrator_core.api.metrics.access import MetricsAccess
from orchestrator_core.api.observer import Observer
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.clouds.load import measure_once
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.metrics import catalogue
from orchestrator_core.metrics.catalogue import Spec
from orchestrator_core.resources import core_version
from orchestrator_core.run_directory import run_directory

METRICS: Final = "/metrics"
"""The path of the metrics."""

_KEPT: Final = 1.0
_PATIENCE: Final = 2.0
"""The seconds for which the figures of the database are kept, and awaited."""

_Figures = Mapping[Spec, Mapping[tuple[str, ...], float]]


class MetricsResource(Resource):
    """``GET /metrics``.

    Args:
        services: the objects that resources use.
        observer: the observer of all requests.
    """

    public = True

    def __init__(self, services: Services, observer: Observer) -> None:
        self._services = services
        self._observer = observer
        self._access = MetricsAccess(services.settings)
        self._figures = BoundedValue(self._read_figures, kept=_KEPT, patience=_PATIENCE)
        self._turn = asyncio.Lock()

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with all metrics of this server, and the figures of its database."""
        from orchestrator_core.metrics.scrape import scrape  # noqa: PLC0415 - only where it is used

        await self._access.check(req)
        self._observer.flush()
        measure_once(self._services.registry)
        figures = await self._known_figures()
        folder = run_directory() / catalogue.FOLDER
        async with self._turn:  # a second scrape at the same time would only take the CPU
            body, content_type = await asyncio.to_thread(
                scrape, folder, figures, req.get_header("Accept") or ""
            )
        resp.content_type = content_type
        resp.set_header("Cache-Control", "no-store")
        resp.data = body

    async def _known_figures(self) -> _Figures:
        known: _Figures = {catalogue.BUILD: {(core_version(),): 1.0}}
        if self._services.settings.state is None:
            return known
        try:
            read = await self._figures.get()
        except (TimeoutError, OrchestratorError):
            return {**known, catalogue.DATABASE_UP: {(): 0.0}}
        return {**known, catalogue.DATABASE_UP: {(): 1.0}, **read}

    async def _read_figures(self) -> _Figures:
        begun = time.perf_counter()
        read = await self._services.broker.figures()
        return {catalogue.DATABASE_READ: {(): time.perf_counter() - begun}, **read}


def routes(services: Services, observer: Observer) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)``, unless the settings turn metrics off."""
    if services.settings.metrics.enabled:
        yield METRICS, MetricsResource(services, observer)
