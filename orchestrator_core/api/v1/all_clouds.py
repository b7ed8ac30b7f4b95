"""``GET /nodes?clouds=``: a request to several clouds at the same time, with a report for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from orchestrator_core.api.encoded import Encoded
from orchestrator_core.api.errors import NoCloudAnswered
from orchestrator_core.api.resource import Request
from orchestrator_core.api.v1 import answers, encoding
from orchestrator_core.api.v1.base import CloudResource
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.errors import InvalidParameter, OrchestratorError
from orchestrator_core.model import CloudDescription, Node

_log = structlog.get_logger(__name__)

EVERY = "*"
"""The word for every configured cloud."""


@dataclass(frozen=True, slots=True)
class _NodesOf:
    """The encoder of one cloud's nodes with the cloud's name; it runs in the cloud's threads."""

    name: str

    def __call__(self, cloud: CloudDescription, nodes: Sequence[Node]) -> Encoded:
        named = answers.NamedCloud(self.name, cloud.display_name, cloud.provider)
        return encoding.encode_items(answers.shape_nodes_of, named, nodes)


@dataclass(frozen=True, slots=True)
class _Part:
    """One cloud's part of the answer; ``nodes`` is None when the cloud did not answer."""

    report: dict[str, Any]
    nodes: Encoded | None = None


class AllClouds:
    """The answer of several clouds to one request.

    Args:
        resource: the resource that makes each cloud's call for the caller.
    """

    def __init__(self, resource: CloudResource) -> None:
        self._resource = resource

    async def answer(self, req: Request) -> Encoded:
        """Return the answer's body: the nodes, and a report of each cloud.

        Raises:
            InvalidParameter: when a named cloud does not exist.
            NoCloudAnswered: when none of the clouds answered.
        """
        for name in ("limit", "marker"):
            if name in req.params:
                raise InvalidParameter(name, "cannot be given together with clouds")
        clouds = self._wanted(req)
        parts = await asyncio.gather(*(self._part(req, cloud) for cloud in clouds))
        reports = [part.report for part in parts]
        lists = [part.nodes for part in parts if part.nodes is not None]
        if not lists:
            raise NoCloudAnswered(reports)
        complete = len(lists) == len(parts)
        before = {"status": "ok" if complete else "partial", "complete": complete}
        nodes = encoding.joined(lists)
        return encoding.encode_list("nodes", nodes, {"clouds": reports}, before)

    def _wanted(self, req: Request) -> list[Cloud]:
        given = req.params["clouds"]
        words = ",".join(given) if isinstance(given, list) else given
        names = list(dict.fromkeys(word.strip() for word in words.split(",")))
        known = self._resource.services.registry.clouds
        if names == [EVERY]:
            return list(known.values())
        for name in names:
            if name not in known:
                raise InvalidParameter(
                    "clouds",
                    f"there is no cloud {name[:64]!r}; give {EVERY}, or names separated by commas",
                )
        return [known[name] for name in names]

    async def _part(self, req: Request, cloud: Cloud) -> _Part:
        begun = time.monotonic()
        try:
            question = Question("list_nodes", _NodesOf(cloud.name))
            reading = await self._resource.read(req, cloud, question)
        except OrchestratorError as error:
            return _Part(_report(cloud, begun, "error", None, error.message))
        except Exception:  # noqa: BLE001 - the other clouds' nodes must not be lost
            _log.exception("unexpected error", cloud=cloud.name)
            return _Part(_report(cloud, begun, "error", None, "Unexpected error"))
        return _Part(_report(cloud, begun, "ok", reading.age, None), reading.value)


def _report(
    cloud: Cloud, begun: float, status: str, age: float | None, message: str | None
) -> dict[str, Any]:
    return {
        "name": cloud.name,
        "status": status,
        "age": None if age is None else round(age, 3),
        "duration": round(time.monotonic() - begun, 3),
        "message": message,
    }
