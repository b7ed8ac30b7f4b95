"""Routes of operations: changes of VMs, as they were recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.shared.encoded import Encoded, answer_with
from orchestrator_core.api.v2 import answers, queries
from orchestrator_core.api.v2.cursors import USUAL, tell_next, window
from orchestrator_core.api.v2.records import RecordsResource, encode_rows
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import FINAL, Attempt, Operation
from orchestrator_core.broker.states import OperationState

_FILTERS: Final = {
    "cloud": "cloud",
    "state": "state",
    "kind": "kind",
    "node": "node_id",
    "caller": "caller",
    "request_id": "request_id",
}
_CHOICES: Final = {"state": tuple(OperationState), "kind": tuple(KINDS)}

_LONGEST_WAIT: Final = 60.0
_FIRST_LOOK: Final = 0.05
_LONGEST_LOOK: Final = 1.0
"""Seconds between two looks at an operation that a caller waits for."""


class OperationsResource(RecordsResource):
    """``GET /operations``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the newest operations that match the query."""
        given = queries.parameters(req, [*_FILTERS, "limit", "cursor"])
        page = window(given, USUAL)
        filters = await self.filters(given, _FILTERS, _CHOICES)

        async def work(wanted: dict[str, Any]) -> tuple[Encoded, str | None]:
            return await self.records.operations(
                wanted,
                page.after,
                lambda found: encode_rows(
                    "operations", found, answers.shape_operation, page.limit or USUAL
                ),
            )

        body, cursor = await self.watched(req, "list_operations", {**filters}, work)
        tell_next(req, resp, given, cursor)
        answer_with(resp, body)


class OperationResource(RecordsResource):
    """``GET /operations/{id}``."""

    async def on_get(self, req: Request, resp: Response, operation_id: str = "", **_: str) -> None:
        """Answer with one operation; with ``wait``, when it has ended or the time is over."""
        given = queries.parameters(req, ["wait"])
        seconds = queries.seconds("wait", given.get("wait", "0"), _LONGEST_WAIT)

        async def work(wanted: dict[str, Any]) -> bytes:
            operation, attempts = await self._ended(self.identity(wanted["operation"]), seconds)
            return answers.encode_operation(operation, attempts)

        asked = {"operation": operation_id}
        resp.data = await self.watched(req, "get_operation", asked, work)

    async def _ended(
        self, operation_id: str, seconds: float
    ) -> tuple[Operation, Sequence[Attempt]]:
        ends_at = asyncio.get_running_loop().time() + seconds
        delay = _FIRST_LOOK
        while True:
            found = await self.records.operation(operation_id)
            if found is None:
                raise NoSuchRecord(f"There is no operation {operation_id!r}")
            left = ends_at - asyncio.get_running_loop().time()
            if found[0].state in FINAL or left <= 0:
                return found
            await asyncio.sleep(min(delay, left))
            delay = min(2 * delay, _LONGEST_LOOK)
