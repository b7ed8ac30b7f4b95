"""``GET /nodes``: the nodes of all clouds, with a report for each cloud."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import structlog

from orchestrator_core.api.errors import NoCloudAnswered
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.shared.cloud_resource import CloudResource
from orchestrator_core.api.shared.encoded import answer_with
from orchestrator_core.api.shared.encoding import encode_list
from orchestrator_core.api.v2 import queries
from orchestrator_core.api.v2.node_shapes import Items, NodeItems, merged
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.api.v2.selection import PARAMETERS, Selection
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.errors import OrchestratorError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Part:
    """One cloud's part of the answer; ``nodes`` is None when the cloud did not answer."""

    report: dict[str, Any]
    nodes: Items | None = None


class AllNodesResource(CloudResource):
    """``GET /nodes``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the nodes of all clouds, or of those that ``clouds`` names.

        Raises:
            NoCloudAnswered: when none of the clouds answered.
        """
        given = queries.parameters(req, ["clouds", *PARAMETERS])
        selection = Selection.read(given)
        clouds = self._wanted(given.get("clouds"))
        parts = await asyncio.gather(*(self._part(req, cloud, selection) for cloud in clouds))
        reports = [part.report for part in parts]
        lists = [part.nodes for part in parts if part.nodes is not None]
        if not lists and parts:
            raise NoCloudAnswered(reports)
        after = {"complete": len(lists) == len(parts), "clouds": reports}
        items = await asyncio.to_thread(merged, lists)
        answer_with(resp, encode_list({}, "nodes", items, after))

    def _wanted(self, given: str | None) -> list[Cloud]:
        known = self.services.registry.clouds
        if given is None:
            return list(known.values())
        names = list(dict.fromkeys(word.strip() for word in given.split(",")))
        for name in names:
            if name not in known:
                raise InvalidQuery("clouds", f"there is no cloud {name[:64]!r}")
        return [known[name] for name in names]

    async def _part(self, req: Request, cloud: Cloud, selection: Selection) -> _Part:
        begun = time.monotonic()
        shape = NodeItems(cloud, selection, self.services.broker.view)
        try:
            reading = await self.read(req, cloud, Question("list_nodes", shape))
        except OrchestratorError as error:
            return _Part(_report(cloud, begun, error.code, error.message))
        except Exception:  # noqa: BLE001 - the other clouds' nodes must not be lost
            _log.exception("unexpected error", cloud=cloud.name)
            return _Part(_report(cloud, begun, "internal_error", "Unexpected error"))
        return _Part(_report(cloud, begun, None, None), reading.value)


def _report(cloud: Cloud, begun: float, code: str | None, detail: str | None) -> dict[str, Any]:
    return {
        "name": cloud.name,
        "answered": code is None,
        "seconds": round(time.monotonic() - begun, 3),
        "error_code": code,
        "detail": detail,
    }
