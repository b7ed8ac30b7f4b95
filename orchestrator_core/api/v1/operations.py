"""Operations as version 1 shows them, and the answers that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator_core.api.encoded import Encoded, answer_with
from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import answers, encoding
from orchestrator_core.api.v1.paging import page_of
from orchestrator_core.api.v1.readable import readable
from orchestrator_core.api.v1.records import MOST, RecordsResource, encode_page
from orchestrator_core.broker.operations.change import MORE, POWER
from orchestrator_core.broker.operations.operation import KINDS, Attempt, Operation, OperationState
from orchestrator_core.model import AssignmentResult, CloudDescription, Node, NodeState

_FILTERS: Final = {
    "cloud": "cloud",
    "state": "state",
    "kind": "kind",
    "node": "node_id",
    "caller": "caller",
    "request_id": "request_id",
}
"""What a query may ask for, and the column that says it."""

_CHOICES: Final = {"state": tuple(OperationState), "kind": KINDS}


def when(seconds: float | None) -> str | None:
    """Return a moment as RFC 3339 writes it, in UTC."""
    if seconds is None:
        return None
    with readable(f"the time {seconds}"):
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def shape_operation(operation: Operation) -> dict[str, Any]:
    """Return an operation as it is shown.

    Raises:
        StateUnavailable: when its row is damaged.
    """
    with readable(f"operation {operation.id}"):
        return _shape_operation(operation)


def _shape_operation(operation: Operation) -> dict[str, Any]:
    error = None
    if operation.error_code is not None:
        error = {"error_code": operation.error_code, "message": operation.error_message}
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
        "result": None if operation.result is None else _answer_of(operation),
        "error": error,
        "attempts": operation.attempts,
        "created_at": when(operation.made_at),
        "next_attempt_at": when(operation.next_attempt_at),
        "deadline_at": when(operation.deadline_at),
        "finished_at": when(operation.finished_at),
    }


def answer_of(operation: Operation) -> dict[str, Any]:
    """Return the keys of the answer that an operation's caller got, or would have got.

    Raises:
        StateUnavailable: when its row is damaged.
    """
    with readable(f"operation {operation.id}"):
        return _answer_of(operation)


def _answer_of(operation: Operation) -> dict[str, Any]:
    result = dict(operation.result or {})
    if operation.kind == "start_vm":
        cloud, node = result["cloud"], dict(result["node"])
        node["state"] = NodeState(node["state"])
        shaped = answers.shape_node(CloudDescription(**cloud), Node(**node), secrets=True)
        return {"nodes": shaped}
    if operation.kind == "stop_vm":
        return {"result": f"Node {result['node_id']} deleted"}
    if operation.kind == "adopt_vm":
        return {"result": f"Node {result['node_id']} adopted"}
    if operation.kind in POWER:
        return {"result": f"Node {result['node_id']} {POWER[operation.kind]}"}
    return assignment_answer(operation, result)


def assignment_answer(operation: Operation, result: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to an assign, a renewal or a release."""
    text, more = result["result"], {}
    if operation.kind == "release_vm":
        done = result["deletion"] == "done"
        text = f"{text} and {'deleted' if done else 'deletion pending'}"
        more = {"deletion": result["deletion"], "operation": operation.id}
    else:
        more = told_of({key: result[key] for key in MORE if key in result})
    told = AssignmentResult(result["id"], result["id_vm"], text)
    return {**answers.shape_assignment(told), **more}


def told_of(more: Mapping[str, object]) -> dict[str, Any]:
    """Return what an assignment's answer says beside the backend's, its time as text."""
    told = dict(more)
    at = told.get("lease_expires_at")
    return {**told, "lease_expires_at": when(at)} if isinstance(at, float) else told


def _shape_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "step": attempt.step,
        "process": attempt.process,
        "began_at": when(attempt.began_at),
        "ended_at": when(attempt.ended_at),
        "outcome": attempt.outcome,
        "error_code": attempt.error_code,
        "message": attempt.error_message,
    }


class OperationsResource(RecordsResource):
    """``GET /operations``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the newest operations that the query asks for."""
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
        """Answer with one operation and every attempt that it took."""

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
