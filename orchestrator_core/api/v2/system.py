"""Routes of the server itself: its plugins, its processes, and orphans."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_core.api.encoded import answer_with
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1.encoding import encode_each
from orchestrator_core.api.v1.orphans import shape_orphan, shape_process, shape_scan
from orchestrator_core.api.v1.system import PluginsResource as SharedPluginsResource
from orchestrator_core.api.v1.watched import watched
from orchestrator_core.api.v2 import encoding, queries
from orchestrator_core.api.v2.encoding import encode_list
from orchestrator_core.api.v2.records import RecordsResource

_ORPHAN_FILTERS: Final = {"cloud": "cloud"}


class PluginsResource(SharedPluginsResource):
    """``GET /plugins``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every plugin found, the result of loading it, and its users."""
        queries.parameters(req, [])

        async def work(_: dict[str, Any]) -> bytes:
            return encoding.encode({"plugins": await self.reports()})

        resp.data = await watched(self._services, req, "list_plugins", {}, work)


class OrphansResource(RecordsResource):
    """``GET /orphans``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every orphan and its evidence, and the result of each cloud's last scan."""
        given = queries.parameters(req, list(_ORPHAN_FILTERS))
        filters = await self.filters(given, _ORPHAN_FILTERS, {})

        async def work(wanted: dict[str, Any]) -> Any:
            cloud = wanted.get("cloud")
            found, reasons, scans = await self.records.orphans(cloud)
            shown = [shape_scan(scan) for scan in scans if cloud in (None, scan.cloud)]
            items = encode_each(found, lambda one: shape_orphan(one, reasons[one.reason]))
            return encode_list("orphans", items, {"scans": shown})

        answer_with(resp, await self.watched(req, "list_orphans", {**filters}, work))


class ProcessesResource(RecordsResource):
    """``GET /processes``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every process that works on the database, and why destruction is held."""
        queries.parameters(req, [])

        async def work(_: dict[str, Any]) -> bytes:
            held, clock, found = await self.records.processes()
            shown = [shape_process(process) for process in found]
            holds = {"destroying_held": held or None, "clock_in_doubt": clock or None}
            return encoding.encode({"processes": shown, **holds})

        resp.data = await self.watched(req, "list_processes", {}, work)
