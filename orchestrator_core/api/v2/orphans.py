"""Routes of orphans, and of the decisions about them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.shared.encoded import Encoded, answer_with
from orchestrator_core.api.shared.encoding import encode_each, encode_list
from orchestrator_core.api.v2 import queries
from orchestrator_core.api.v2.answers import shape_orphan, shape_scan
from orchestrator_core.api.v2.records import RecordsResource

if TYPE_CHECKING:  # it imports SQLAlchemy, which is loaded only on a server with a database
    from orchestrator_core.broker.orphans.orphans import Orphan

_FILTERS: Final = {"cloud": "cloud"}


class OrphansResource(RecordsResource):
    """``GET /orphans``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with every orphan and its evidence, and the result of each cloud's last scan."""
        given = queries.parameters(req, list(_FILTERS))
        filters = await self.filters(given, _FILTERS, {})

        async def work(wanted: dict[str, Any]) -> Encoded:
            cloud = wanted.get("cloud")
            found, reasons, scans = await self.records.orphans(cloud)
            shown = [shape_scan(scan) for scan in scans if cloud in (None, scan.cloud)]
            return await asyncio.to_thread(_encode, found, reasons, shown)

        answer_with(resp, await self.watched(req, "list_orphans", {**filters}, work))


def _encode(
    found: Sequence[Orphan], reasons: Mapping[str, str], scans: list[dict[str, Any]]
) -> Encoded:
    items = encode_each(found, lambda orphan: shape_orphan(orphan, reasons[orphan.reason]))
    return encode_list({}, "orphans", items, {"scans": scans})
