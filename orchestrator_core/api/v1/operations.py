"""Routes that show operations, and the answers made from operations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from orchestrator_core.api.encoded import Encoded, answer_with
from orchestrator_core.api.errors import NoSuchRecord, v1_code
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import answers, encoding
from orchestrator_core.api.v1.paging import page_of
from orchestrator_core.api.v1.readable import readable
from orchestrator_core.api.v1.records import MOST, RecordsResource, encode_page
from orchestrator_core.broker.operations.change import Acted, ImageMade, Made, Started
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import Attempt, Operation
from orchestrator_core.broker.states import OperationState

_FILTERS: Final = {
    "cloud": "cloud",
    "state": "state",
    "kind": "kind",
    "node": "node_id",
    "caller": "caller",
    "request_id": "request_id",
}
"""The parameters of a query and the columns that they filter."""

_CHOICES: Final = {"state": tuple(OperationState), "kind": tuple(KINDS)}


def when(seconds: float | None) -> str | None:
    """Return a time in seconds as an RFC 3339 text in UTC."""
    if seconds is None:
        return None
    with readable(f"the time {seconds}"):
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def shape_operation(operation: Operation) -> dict[str, Any]:
    """Return an operation as version 1 shows it.

    Raises:
        StateUnavailable: when the operation's row is damaged.
    """
    with readable(f"operation {operation.id}"):
        return _shape_operation(operation)


def _shape_operation(operation: Operation) -> dict[str, Any]:
    error = None
    if operation.error_code is not None:
        code = v1_code(operation.error_code)
        error = {"error_code": code, "message": operation.error_message}
    return {
        "id": operation.id,
        "kind": operation.kind,
        "cloud": operation.cloud,
        "state": operation.state,
        "step": operation.step,
        "node": operation.node_id,
        "assignment": operation.assignment_id,
        "caller": operation.caller,
        "request_id": operation.request_id,
        "parameters": operation.parameters,
        "result": _shape_result(operation),
        "error": error,
        "attempts": operation.attempts,
        "created_at": when(operation.created_at),
        "next_attempt_at": when(operation.next_attempt_at),
        "deadline_at": when(operation.deadline_at),
        "finished_at": when(operation.finished_at),
    }


def _shape_result(operation: Operation) -> dict[str, Any] | None:
    """Return an operation's answer; None if it has none or its kind is from a later version."""
    if operation.result is None or operation.kind not in KINDS:
        return None
    return answer_of(operation)


def answer_of(operation: Operation) -> dict[str, Any]:
    """Return the keys of the answer that an operation's caller got, or would have got.

    Raises:
        StateUnavailable: when the operation's row is damaged.
    """
    with readable(f"operation {operation.id}"):
        return shape_made(KINDS[operation.kind].made(operation))


def shape_made(made: Made) -> dict[str, Any]:
    """Return the keys of the answer to a change that was made just now or earlier."""
    if isinstance(made, Started):
        started = {"nodes": answers.shape_node(made.cloud, made.node, secrets=True)}
        return started if made.reached is None else {**started, "reached": made.reached}
    if isinstance(made, ImageMade):
        return {"image": answers.shape_image(made.cloud, made.image)}
    if isinstance(made, Acted):
        result: dict[str, Any] = {"result": f"Node {made.node_id} {made.done}"}
        if made.is_pending and made.operation is not None:
            result["operation"] = made.operation.id
        return result
    more = dict(made.more)
    expires_at = more.get("lease_expires_at")
    if isinstance(expires_at, float):
        more["lease_expires_at"] = when(expires_at)
    return {**answers.shape_assignment(made.result), **more}


def _shape_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "step": attempt.step,
        "process": attempt.process,
        "started_at": when(attempt.started_at),
        "ended_at": when(attempt.ended_at),
        "outcome": attempt.outcome,
        "error_code": None if attempt.error_code is None else v1_code(attempt.error_code),
        "message": attempt.error_message,
    }


class OperationsResource(RecordsResource):
    """``GET /operations``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the newest operations that match the query."""
        page = page_of(req)
        limit = page.limit or MOST
        filters = await self.filters(req, _FILTERS, _CHOICES)

        async def work(wanted: dict[str, Any]) -> Encoded:
            return await self.records.operations(
                wanted,
                page.marker,
                lambda found: encode_page("operations", found, shape_operation, limit),
            )

        answer_with(resp, await self.watched(req, "list_operations", {**filters}, work))


class OperationResource(RecordsResource):
    """``GET /operations/<id>``."""

    async def on_get(self, req: Request, resp: Response, operation_id: str = "", **_: str) -> None:
        """Answer with one operation and the history of its attempts."""

        async def work(wanted: dict[str, Any]) -> bytes:
            found = await self.records.operation(self.identity(wanted["operation"]))
            if found is None:
                raise NoSuchRecord(f"There is no operation {operation_id!r}")
            operation, attempts = found
            shown = shape_operation(operation)
            shown["history"] = [_shape_attempt(attempt) for attempt in attempts]
            return encoding.encode({"operation": shown})

        asked = {"operation": operation_id}
        resp.data = await self.watched(req, "get_operation", asked, work)
