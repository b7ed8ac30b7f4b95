"""Routes that show orphans, and the processes that work on the database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.api.encoded import Encoded, answer_with
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import encoding
from orchestrator_core.api.v1.operations import when
from orchestrator_core.api.v1.records import RecordsResource

if TYPE_CHECKING:  # it imports SQLAlchemy, which is loaded only on a server with a database
    from orchestrator_core.broker.orphans.orphans import Orphan
    from orchestrator_core.broker.queries import OrphanScan


class OrphansResource(RecordsResource):
    """``GET /orphans``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every orphan and its evidence, and the result of each cloud's last scan."""
        records = self.records
        filters = await self.filters(req, {"cloud": "cloud"}, in_parts=False)

        async def work(wanted: dict[str, Any]) -> Encoded:
            cloud = wanted.get("cloud")
            found, reasons, scans = await records.orphans(cloud)
            shown = [shape_scan(scan) for scan in scans if cloud in (None, scan.cloud)]
            return await asyncio.to_thread(_encode, found, reasons, shown)

        answer_with(resp, await self.watched(req, "list_orphans", {**filters}, work))


def _encode(
    found: Sequence[Orphan], reasons: Mapping[str, str], scans: list[dict[str, Any]]
) -> Encoded:
    items = encoding.encode_each(found, lambda orphan: shape_orphan(orphan, reasons[orphan.reason]))
    return encoding.encode_list("orphans", items, {"scans": scans})


def shape_orphan(orphan: Orphan, why: str) -> dict[str, Any]:
    """Return an orphan with the meaning of its reason."""
    return {
        "cloud": orphan.cloud,
        "node": orphan.node_id,
        "name": orphan.name,
        "reason": orphan.reason,
        "message": why,
        "operation": orphan.operation_id,
        "first_seen_at": when(orphan.first_seen_at),
        "last_seen_at": when(orphan.last_seen_at),
        "times_seen": orphan.times_seen,
        "ignored_at": when(orphan.ignored_at),
        "ignored_by": orphan.ignored_by,
    }


def shape_scan(scan: OrphanScan) -> dict[str, Any]:
    """Return the result of a cloud's last orphan scan."""
    return {
        "cloud": scan.cloud,
        "ended_at": when(scan.ended_at),
        "complete": scan.ended_at is not None and scan.error_message is None,
        "nodes": scan.nodes,
        "message": scan.error_message,
    }


class ProcessesResource(RecordsResource):
    """``GET /processes``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every process that works on the database, and why destruction is held."""
        await self.filters(req, {}, in_parts=False)

        async def work(_: dict[str, Any]) -> bytes:
            held, clock, found = await self.records.processes()
            shown = [shape_process(process) for process in found]
            holds = {"destroying_held": held or None, "clock_in_doubt": clock or None}
            return encoding.encode({"processes": shown, **holds})

        resp.data = await self.watched(req, "list_processes", {}, work)


def shape_process(process: Mapping[str, Any]) -> dict[str, Any]:
    """Return a process that works on the database."""
    return {
        "id": process["id"],
        "kind": process["kind"],
        "version": process["version"],
        "started_at": when(process["started_at"]),
        "seen_at": when(process["seen_at"]),
        "silent": round(process["silent"], 3),
    }
