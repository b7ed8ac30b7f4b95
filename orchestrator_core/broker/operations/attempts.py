"""Statements on the attempts of operations; the caller provides the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, and_, select

from orchestrator_core.broker.operations.operation import Attempt, AttemptOutcome, Operation
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import attempts, operations

_NOT_KNOWN: Final = (AttemptOutcome.UNKNOWN, AttemptOutcome.LOST)
"""The outcomes of attempts that leave it unknown whether the change was made."""


def end(
    connection: Connection,
    operation: Operation,
    outcome: AttemptOutcome,
    ended_at: float,
    error: tuple[str | None, str | None],
) -> None:
    """Record the outcome and the end of an attempt; ``error`` is its code and its message."""
    code, message = error
    row = {
        "operation_id": operation.id,
        "number": operation.attempts,
        "step": str(operation.step),
        "process": operation.owner,
        "started_at": operation.attempt_started_at,
        "ended_at": ended_at,
        "outcome": outcome,
        "error_code": code,
        "error_message": message,
    }
    connection.execute(insert_unless_there(connection.dialect.name, attempts), row)


def outcome_of(connection: Connection, operation: Operation) -> tuple[str, str | None] | None:
    """Return the outcome and the error code of the attempt that an operation's owner made.

    Args:
        connection: The connection of the caller's transaction.
        operation: The operation as it was while the attempt ran.

    Returns:
        None if no such attempt is recorded as ended.
    """
    table = attempts
    row = connection.execute(
        select(table.c.outcome, table.c.error_code).where(
            table.c.operation_id == operation.id,
            table.c.number == operation.attempts,
            table.c.process == operation.owner,
        )
    ).first()
    return None if row is None else (row.outcome, row.error_code)


def of(connection: Connection, operation_id: str) -> list[Attempt]:
    """Return the attempts of an operation that have ended, the first one first."""
    table = attempts
    columns = [column for column in table.c if column.name != "operation_id"]
    rows = connection.execute(
        select(*columns).where(table.c.operation_id == operation_id).order_by(table.c.number)
    )
    ended = [Attempt(**row._asdict()) for row in rows]
    if ended:
        return ended
    row = connection.execute(
        select(*operations.c).where(operations.c.id == operation_id, _ENDED_WITH_ITS_FIRST)
    ).first()
    return [] if row is None else [_only_attempt(Operation.of(row))]


_ENDED_WITH_ITS_FIRST: Final = and_(
    operations.c.finished_at.is_not(None), operations.c.attempt_started_at.is_not(None)
)


def _only_attempt(operation: Operation) -> Attempt:
    """Return the only attempt of an operation that ended with it, from the operation's row."""
    assert operation.attempt_started_at is not None
    assert operation.finished_at is not None
    return Attempt(
        number=1,
        step=operation.step,
        process=operation.process or "",
        started_at=operation.attempt_started_at,
        ended_at=operation.finished_at,
        outcome=AttemptOutcome.ERROR if operation.error_code else AttemptOutcome.OK,
        error_code=operation.error_code,
        error_message=operation.error_message,
    )


def lost_for(operation: Operation, ended: Sequence[Attempt]) -> float:
    """Return the seconds for which an operation's outcome was unknown before its current attempt.

    Args:
        operation: The operation; an attempt of it runs.
        ended: The attempts that have ended, the first one first.
    """
    lost_at = operation.created_at
    for attempt in reversed(ended):
        if attempt.outcome not in _NOT_KNOWN:
            break
        lost_at = attempt.ended_at
    assert operation.attempt_started_at is not None
    return operation.attempt_started_at - lost_at
