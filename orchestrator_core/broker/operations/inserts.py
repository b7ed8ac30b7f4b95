"""Statements that insert an operation's row, before any cloud or backend is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Double, bindparam

from orchestrator_core.broker.operations import keys
from orchestrator_core.broker.operations.operation import Draft, Operation
from orchestrator_core.broker.states import OperationState
from orchestrator_core.model import JsonObject
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import operations

_DRAFT: Final[dict[str, Any]] = {
    "unsettled": False,
    "fence": 1,
    "created_at": now(),
    "deadline_at": now() + bindparam("seconds", type_=Double),
}

# Statements are built once, here: this costs a third of building one for each call.
_RECORD: Final = (
    operations.insert()
    .values(**_DRAFT, state=OperationState.RUNNING.value, attempts=1, attempt_started_at=now())
    .returning(operations.c.created_at)
)

_SCHEDULE: Final = operations.insert().values(
    **_DRAFT,
    state=OperationState.PENDING.value,
    attempts=0,
    next_attempt_at=now() + bindparam("after", type_=Double),
)

_SUCCEEDED: Final = (
    operations.insert()
    .values(
        **_DRAFT,
        state=OperationState.SUCCEEDED.value,
        attempts=1,
        attempt_started_at=now(),
        answered_at=now(),
        finished_at=now(),
    )
    .returning(operations.c.created_at)
)


def record(connection: Connection, draft: Draft, process: str) -> Operation:
    """Record an operation whose first attempt this process begins now.

    Raises:
        KeyInUse: The requester's key already stands for another operation.
    """
    draft = draft.named()
    operation_id = draft.operation_id
    row = {**_of_draft(draft, operation_id), "owner": process, "process": process}
    created_at = connection.execute(_RECORD, row).scalar_one()
    keys.take(connection, draft.requester, operation_id)
    return _operation(draft, operation_id, OperationState.RUNNING, created_at, process)


def succeeded(
    connection: Connection, draft: Draft, answer: JsonObject, process: str | None = None
) -> Operation:
    """Record an operation that has already succeeded, because it changes only the database.

    Raises:
        KeyInUse: The requester's key already stands for another operation.
    """
    draft = draft.named()
    operation_id = draft.operation_id
    row = {**_of_draft(draft, operation_id), "process": process, "result": answer}
    created_at = connection.execute(_SUCCEEDED, row).scalar_one()
    keys.take(connection, draft.requester, operation_id)
    operation = _operation(draft, operation_id, OperationState.SUCCEEDED, created_at, process)
    ended = {"answered_at": created_at, "finished_at": created_at}
    return replace(operation, owner=None, result=answer, **ended)


def schedule(connection: Connection, draft: Draft, after: float = 0.0) -> str:
    """Record an operation that a durable worker will begin; return the operation's id.

    Args:
        connection: The connection of the caller's transaction.
        draft: The operation.
        after: The seconds after which it is due.

    Raises:
        KeyInUse: The requester's key already stands for another operation.
    """
    draft = draft.named()
    row = {**_of_draft(draft, draft.operation_id), "after": after}
    connection.execute(_SCHEDULE, row)
    keys.take(connection, draft.requester, draft.operation_id)
    return draft.operation_id


def _of_draft(draft: Draft, operation_id: str) -> dict[str, Any]:
    return {
        "id": operation_id,
        "kind": draft.kind,
        "cloud": draft.cloud,
        "step": draft.step.value,
        "caller": draft.requester.caller,
        "request_id": draft.requester.request_id,
        "parameters": draft.recorded_parameters,
        "node_id": draft.node_id,
        "assignment_id": draft.assignment_id,
        "seconds": draft.deadline,
    }


def _operation(
    draft: Draft, operation_id: str, state: OperationState, created_at: float, process: str | None
) -> Operation:
    """Return the operation that was just written; a read would cost as much as the write."""
    return Operation(
        id=operation_id,
        kind=draft.kind,
        cloud=draft.cloud,
        state=state,
        step=draft.step,
        unsettled=False,
        caller=draft.requester.caller,
        request_id=draft.requester.request_id,
        parameters=draft.recorded_parameters,
        node_id=draft.node_id,
        assignment_id=draft.assignment_id,
        result=None,
        error_code=None,
        error_message=None,
        owner=process,
        process=process,
        fence=1,
        attempts=1,
        created_at=created_at,
        attempt_started_at=created_at,
        next_attempt_at=None,
        deadline_at=created_at + draft.deadline,
        answered_at=None,
        finished_at=None,
    )
