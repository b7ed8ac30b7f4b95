"""Routes of orphans, and of the decisions about them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.cloud_resource import Parameters
from orchestrator_core.api.shared.description import DESTROY_REFUSALS
from orchestrator_core.api.shared.encoded import Encoded, answer_with
from orchestrator_core.api.shared.encoding import encode
from orchestrator_core.api.v2 import queries, requests
from orchestrator_core.api.v2.answers import encode_orphans, shape_orphan
from orchestrator_core.api.v2.changes import ChangeResource
from orchestrator_core.api.v2.records import RecordsResource
from orchestrator_core.broker.operations.change import Change, Made
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.refusals import AlreadyAssigned

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
            return await asyncio.to_thread(encode_orphans, *await self.records.orphans(cloud))

        answer_with(resp, await self.watched(req, "list_orphans", {**filters}, work))


class _OneOrphanResource(RecordsResource):
    """A route of one orphan."""

    async def _find(self, orphan_id: str) -> Orphan:
        found = await self.records.orphan(self.identity(orphan_id))
        if found is None:
            raise NoSuchRecord(f"There is no orphan {orphan_id!r}")
        return found


class OrphanResource(_OneOrphanResource):
    """``GET /orphans/{id}``."""

    async def on_get(self, req: Request, resp: Response, orphan_id: str = "", **_: str) -> None:
        """Answer with one orphan."""
        queries.parameters(req, [])

        async def work(wanted: dict[str, Any]) -> bytes:
            return encode(shape_orphan(await self._find(wanted["orphan"])))

        resp.data = await self.watched(req, "get_orphan", {"orphan": orphan_id}, work)


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about an orphan.

    Attributes:
        kind: the kind of the operation that records it.
        summary: what it does.
        is_async: whether a durable worker carries it out after the answer.
        raises: the errors that other decisions do not have.
    """

    kind: str
    summary: str
    is_async: bool = False
    raises: tuple[type[OrchestratorError], ...] = ()


DECISIONS: Final[Mapping[str, Decision]] = MappingProxyType(
    {
        "adopt": Decision("adopt_vm", "Make an orphan one of this installation's own VMs."),
        "ignore": Decision("ignore_orphan", "Keep an orphan as it is: no rule destroys it."),
        "destroy": Decision(
            "stop_vm",
            "Have a durable worker destroy an orphan.",
            is_async=True,
            raises=(*DESTROY_REFUSALS, AlreadyAssigned),
        ),
    }
)
"""The decisions by the last part of their path."""


class DecisionResource(_OneOrphanResource):
    """``POST /orphans/{id}/<decision>``.

    Args:
        services: the objects that resources use.
        decision: the decision.
    """

    def __init__(self, services: Services, decision: Decision) -> None:
        super().__init__(services)
        self._decision = decision

    async def on_post(self, req: Request, resp: Response, orphan_id: str = "", **_: str) -> None:
        """Record the decision."""
        queries.parameters(req, [])
        change = _Decide(self._services, self._decision, orphan_id)
        try:
            orphan = await self._find(orphan_id)
        except NoSuchRecord:
            # After a decision the VM is no orphan any more, but a repeat finds the operation.
            if await change.repeat(req, resp):
                return
            raise
        await change.of(req, resp, orphan)


class _Decide(ChangeResource[Made]):
    """A decision, for one request."""

    schema = requests.NothingSchema()

    def __init__(self, services: Services, decision: Decision, orphan_id: str) -> None:
        super().__init__(services)
        self.operation = decision.kind
        self._is_async = decision.is_async
        self._asked = {"orphan": orphan_id}

    async def of(self, req: Request, resp: Response, orphan: Orphan) -> None:
        """Make the decision about an orphan."""
        req.context.cloud = orphan.cloud
        self._asked["node"] = orphan.node_id
        await self.carry_out(req, resp, orphan.cloud)

    def patience(self, req: Request) -> float | None:
        """Return the seconds that the caller waits; None for as long as it takes."""
        return 0.0 if self._is_async else super().patience(req)

    def parameters(self, wanted: Parameters) -> Parameters:
        """Return the parameters of the decision, as extensions see them."""
        return {**wanted, **self._asked}

    async def raw_body(self, req: Request) -> Parameters:
        """Return the body; a decision needs none."""
        return await super().raw_body(req) if req.content_length else {}

    async def make(self, change: Change, wanted: Parameters) -> Made:
        """Record the decision."""
        del wanted  # an extension cannot turn it into a decision about another VM
        return await self.services.broker.decide(change, self.operation, self._asked["orphan"])
