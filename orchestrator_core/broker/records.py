"""The statements that record operations. Each runs within somebody's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update

from orchestrator_core.broker import keys
from orchestrator_core.broker.operation import (
    FINAL,
    Attempt,
    Draft,
    Operation,
    OperationState,
    Progress,
)
from orchestrator_core.errors import Superseded
from orchestrator_core.model import JsonObject
from orchestrator_core.state.clock import now
from orchestrator_core.state.identifiers import new_id
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import attempts, operations

_MOST_MESSAGE: Final = 1000


def record(connection: Connection, draft: Draft, process: str) -> Operation:
    """Record an operation whose first attempt begins now, by this process.

    Raises:
        KeyInUse: when the requester's key stands for another operation already.
    """
    operation_id = new_id()
    statement = (
        operations.insert()
        .values(
            **_of_draft(draft, operation_id),
            state=OperationState.RUNNING,
            owner=process,
            attempts=1,
            attempt_began_at=now(),
        )
        .returning(*operations.c)
    )
    operation = Operation.of(connection.execute(statement).one())
    keys.take(connection, draft.requester, operation_id)
    return operation


def _of_draft(draft: Draft, operation_id: str) -> dict[str, Any]:
    return {
        "id": operation_id,
        "kind": draft.kind,
        "cloud": draft.cloud,
        "step": draft.step,
        "unsettled": False,
        "caller": draft.requester.caller,
        "request_id": draft.requester.request_id,
        "parameters": draft.parameters,
        "node_id": draft.node_id,
        "assignment_id": draft.assignment_id,
        "generation": 1,
        "made_at": now(),
        "deadline_at": now() + draft.deadline,
    }


def schedule(connection: Connection, draft: Draft) -> str:
    """Record an operation that a durable worker is to begin; return its id."""
    operation_id = new_id()
    connection.execute(
        operations.insert().values(
            **_of_draft(draft, operation_id),
            state=OperationState.PENDING,
            attempts=0,
            next_attempt_at=now(),
        )
    )
    return operation_id


def succeeded(connection: Connection, draft: Draft, answer: JsonObject) -> str:
    """Record an operation that needs nobody but the database; return its id."""
    operation_id = new_id()
    connection.execute(
        operations.insert().values(
            **_of_draft(draft, operation_id),
            state=OperationState.SUCCEEDED,
            attempts=0,
            result=answer,
            answered_at=now(),
            finished_at=now(),
        )
    )
    return operation_id


def set_assignment(connection: Connection, operation: Operation, assignment_id: str) -> None:
    """Say which assignment an operation is about."""
    connection.execute(
        update(operations)
        .where(operations.c.id == operation.id)
        .values(assignment_id=assignment_id)
    )


def progress(connection: Connection, operation: Operation, made: Progress) -> Operation:
    """Write down what an attempt has come to.

    Raises:
        Superseded: when another process has taken the operation over meanwhile; nothing is
            written then.
    """
    table = operations
    final = made.state in FINAL
    message = made.error_message[:_MOST_MESSAGE] if made.error_message else None
    values: dict[str, Any] = {
        "state": made.state,
        "step": made.step,
        "unsettled": made.unsettled,
        "owner": process_of(operation) if made.state is OperationState.RUNNING else None,
        "error_code": made.error_code,
        "error_message": message,
        "next_attempt_at": now() + made.after if made.state is OperationState.PENDING else None,
        "finished_at": now() if final else None,
    }
    if made.state is OperationState.RUNNING:
        values |= {"attempts": table.c.attempts + 1, "attempt_began_at": now()}
    if made.node_id is not None:
        values["node_id"] = made.node_id
    if made.answer is not None:
        values |= {"result": made.answer, "answered_at": func.coalesce(table.c.answered_at, now())}
    written = connection.execute(
        update(table)
        .where(
            table.c.id == operation.id,
            table.c.generation == operation.generation,
            table.c.state == OperationState.RUNNING,
        )
        .values(values)
        .returning(*table.c)
    ).first()
    if written is None:
        raise Superseded(operation.id)
    ended = written.attempt_began_at if made.state is OperationState.RUNNING else now()
    end_attempt(connection, operation, _outcome(made), ended, (made.error_code, message))
    return Operation.of(written)


def process_of(operation: Operation) -> str:
    """Return the process that runs an operation."""
    assert operation.owner is not None
    return operation.owner


def _outcome(made: Progress) -> str:
    if made.unsettled:
        return "unknown"
    return "error" if made.error_code else "ok"


def end_attempt(
    connection: Connection,
    operation: Operation,
    outcome: str,
    ended_at: Any,
    error: tuple[str | None, str | None],
) -> None:
    """Write down how an attempt ended, and when: ``error`` is its code and its message."""
    code, message = error
    connection.execute(
        insert_unless_there(connection, attempts).values(
            operation_id=operation.id,
            number=operation.attempts,
            step=operation.step,
            process=process_of(operation),
            began_at=operation.attempt_began_at,
            ended_at=ended_at,
            outcome=outcome,
            error_code=code,
            error_message=message,
        )
    )


def seconds_until_due(connection: Connection, operation: Operation) -> float | None:
    """Return how long an operation still waits; None when it does not wait any more."""
    table = operations
    waiting = select(table.c.next_attempt_at - now()).where(
        table.c.id == operation.id,
        table.c.generation == operation.generation,
        table.c.state == OperationState.PENDING,
    )
    seconds: float | None = connection.execute(waiting).scalar()
    return None if seconds is None else max(0.0, seconds)


def get(connection: Connection, operation_id: str) -> Operation | None:
    """Return one operation."""
    table = operations
    row = connection.execute(select(*table.c).where(table.c.id == operation_id)).first()
    return None if row is None else Operation.of(row)


def attempts_of(connection: Connection, operation_id: str) -> list[Attempt]:
    """Return what became of each attempt that has ended."""
    table = attempts
    columns = [column for column in table.c if column.name != "operation_id"]
    rows = connection.execute(
        select(*columns).where(table.c.operation_id == operation_id).order_by(table.c.number)
    )
    return [Attempt(**row._asdict()) for row in rows]


def find(
    connection: Connection, filters: Mapping[str, str], limit: int, after: str | None
) -> list[Operation]:
    """Return operations, the newest first.

    Args:
        connection: of a transaction.
        filters: values by column.
        limit: how many at most.
        after: the id of the one before the first.
    """
    table = operations
    query = select(*table.c).order_by(table.c.id.desc()).limit(limit)
    for name, value in filters.items():
        query = query.where(table.c[name] == value)
    if after is not None:
        query = query.where(table.c.id < after)
    return [Operation.of(row) for row in connection.execute(query)]


def make_due(connection: Connection, operation_id: str) -> bool:
    """Have a paused or waiting operation tried again at once, with a new budget of attempts."""
    table = operations
    done = connection.execute(
        update(table)
        .where(
            table.c.id == operation_id,
            table.c.state.in_([OperationState.PENDING, OperationState.PAUSED]),
        )
        .values(
            state=OperationState.PENDING,
            next_attempt_at=now(),
            deadline_at=now() + (table.c.deadline_at - table.c.made_at),
            generation=table.c.generation + 1,
        )
    )
    return done.rowcount == 1


def abandon(connection: Connection, operation_id: str, why: str) -> Operation | None:
    """End an operation that does not run just now; nothing more is done for it."""
    table = operations
    row = connection.execute(
        update(table)
        .where(
            table.c.id == operation_id,
            table.c.state.in_([OperationState.PENDING, OperationState.PAUSED]),
        )
        .values(
            state=OperationState.ABANDONED,
            finished_at=now(),
            next_attempt_at=None,
            generation=table.c.generation + 1,
            error_code=func.coalesce(table.c.error_code, "abandoned"),
            error_message=func.coalesce(table.c.error_message, why),
        )
        .returning(*table.c)
    ).first()
    return None if row is None else Operation.of(row)


def forget_finished(connection: Connection, keep: float, most: int) -> int:
    """Delete operations that have ended long ago; return how many.

    Args:
        connection: of a transaction.
        keep: seconds.
        most: how many at most.
    """
    table = operations
    old = select(table.c.id).where(table.c.finished_at < now() - keep).limit(most).scalar_subquery()
    return connection.execute(delete(table).where(table.c.id.in_(old))).rowcount
