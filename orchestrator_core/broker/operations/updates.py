"""Statements that update and read operations; the caller provides the transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Connection,
    Double,
    Text,
    Update,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from orchestrator_core.broker.operations import attempts, outcome
from orchestrator_core.broker.operations.operation import FINAL, AttemptOutcome, Operation, Progress
from orchestrator_core.broker.states import OPERATION, OperationState, Step
from orchestrator_core.errors import Superseded
from orchestrator_core.redaction import redact
from orchestrator_core.state.clock import now
from orchestrator_core.state.identifiers import first_id_of
from orchestrator_core.state.message import Message
from orchestrator_core.state.tables import Json, idempotency_keys, operations

_MOST_MESSAGE: Final = 1000


_SET_ASSIGNMENT: Final = (
    update(operations)
    .where(operations.c.id == bindparam("operation_id"))
    .values(assignment_id=bindparam("new_assignment_id"))
)


def set_assignment(connection: Connection, operation: Operation, assignment_id: str) -> Operation:
    """Record the assignment that an operation changes; return the updated operation."""
    values = {"operation_id": operation.id, "new_assignment_id": assignment_id}
    connection.execute(_SET_ASSIGNMENT, values)
    return replace(operation, assignment_id=assignment_id)


def _progress(**values: Any) -> Update:
    """Return the statement that records the progress of a running operation's attempt."""
    table = operations
    answer = bindparam("answer", type_=Json)
    return (
        update(table)
        .where(
            table.c.id == bindparam("operation_id"),
            table.c.fence == bindparam("seen_fence"),
            table.c.state == OperationState.RUNNING.value,
        )
        .values(
            step=bindparam("new_step"),
            unsettled=bindparam("new_unsettled", type_=Boolean),
            node_id=func.coalesce(bindparam("new_node_id", type_=Text), table.c.node_id),
            result=func.coalesce(answer, table.c.result),
            answered_at=case(
                (bindparam("answered", type_=Boolean), func.coalesce(table.c.answered_at, now())),
                else_=table.c.answered_at,
            ),
            error_code=bindparam("new_error_code", type_=Text),
            error_message=bindparam("new_error_message", type_=Message),
            **values,
        )
        .returning(now())
    )


_END: Final = _progress(state=bindparam("new_state"), owner=None, finished_at=now())

_PAUSE: Final = _progress(state=OperationState.PAUSED.value, owner=None)

_WAIT: Final = _progress(
    state=OperationState.PENDING.value,
    owner=None,
    next_attempt_at=now() + bindparam("after", type_=Double),
)

_GO_ON: Final = _progress(
    state=OperationState.RUNNING.value,
    attempts=operations.c.attempts + 1,
    attempt_started_at=now(),
)

TAKING_AWAY: Final = (Step.RELEASE, Step.DESTROY, Step.CONFIRM)

_STATEMENTS: Final[Mapping[OperationState, Update]] = {
    OperationState.SUCCEEDED: _END,
    OperationState.FAILED: _END,
    OperationState.PAUSED: _PAUSE,
    OperationState.PENDING: _WAIT,
    OperationState.RUNNING: _GO_ON,
}


def steps_of_others(connection: Connection, operation: Operation) -> set[Step]:
    """Return the steps of other unfinished operations that release or destroy the same VM."""
    table = operations
    query = select(table.c.step).where(
        table.c.cloud == operation.cloud,
        table.c.node_id == operation.node_id,
        table.c.id != operation.id,
        table.c.finished_at.is_(None),
        table.c.step.in_([step.value for step in TAKING_AWAY]),
    )
    return {Step(step) for step in connection.execute(query).scalars()}


def progress(connection: Connection, operation: Operation, made: Progress) -> Operation:
    """Record the progress of an operation's attempt; return the updated operation.

    Raises:
        Superseded: Another process has taken the operation over; nothing is written.
    """
    message = redact(made.error_message)[:_MOST_MESSAGE] if made.error_message else None
    values: dict[str, Any] = {
        "operation_id": operation.id,
        "seen_fence": operation.fence,
        "new_step": str(made.step),
        "new_unsettled": made.unsettled,
        "new_node_id": made.node_id,
        "answer": made.answer,
        "answered": made.answer is not None,
        "new_error_code": made.error_code,
        "new_error_message": message,
    }
    if made.state in FINAL:
        values["new_state"] = made.state.value
    elif made.state is OperationState.PENDING:
        values["after"] = made.after
    clock = connection.execute(_STATEMENTS[made.state], values).scalar()
    if clock is None:
        raise Superseded(operation.id)
    if (made.state not in FINAL or operation.attempts > 1) and not _is_held_as_before(
        operation, made
    ):
        attempts.end(connection, operation, _outcome(made), clock, (made.error_code, message))
    return _progressed(operation, made, clock)


def _is_held_as_before(operation: Operation, made: Progress) -> bool:
    """Return whether an attempt was held again for the same reason as the one before.

    Such attempts are not recorded: there may be 40,000 of them in a week.
    """
    return made.error_code in outcome.HELD and made.error_code == operation.error_code


def written(connection: Connection, operation: Operation, made: Progress) -> Operation | None:
    """Return an operation if exactly this progress of it was recorded; else None.

    Another process may have taken the operation over since. In that case the progress is found
    among the operation's attempts.
    """
    found = get(connection, operation.id)
    if found is None:
        return None
    if found.fence != operation.fence:
        was = attempts.outcome_of(connection, operation)
        return found if was == (_outcome(made), made.error_code) else None
    its = (found.state, found.step, found.error_code)
    return found if its == (made.state, made.step, made.error_code) else None


def _progressed(operation: Operation, made: Progress, clock: float) -> Operation:
    going_on = made.state is OperationState.RUNNING
    return replace(
        operation,
        state=made.state,
        step=made.step,
        unsettled=made.unsettled,
        node_id=made.node_id or operation.node_id,
        result=made.answer or operation.result,
        error_code=made.error_code,
        error_message=made.error_message,
        owner=operation.owner if going_on else None,
        attempts=operation.attempts + going_on,
        attempt_started_at=clock if going_on else operation.attempt_started_at,
        next_attempt_at=clock + made.after if made.state is OperationState.PENDING else None,
        answered_at=operation.answered_at or (clock if made.answer is not None else None),
        finished_at=clock if made.state in FINAL else None,
    )


def check_ours(connection: Connection, operation: Operation) -> None:
    """Check that this process still runs an operation, before it makes a step of its attempt.

    Raises:
        Superseded: Another process has taken the operation over.
    """
    table = operations
    ours = select(table.c.id).where(
        table.c.id == operation.id,
        table.c.fence == operation.fence,
        table.c.state == OperationState.RUNNING.value,
    )
    if connection.execute(ours).first() is None:
        raise Superseded(operation.id)


def record_node(connection: Connection, operation: Operation, node_id: str) -> bool:
    """Record the VM of an operation that another process continues.

    Returns:
        Whether the operation exists and has not failed.
    """
    table = operations
    done = connection.execute(
        update(table)
        .where(table.c.id == operation.id, table.c.state != OperationState.FAILED)
        .values(node_id=func.coalesce(table.c.node_id, node_id))
    )
    return done.rowcount == 1


def _outcome(made: Progress) -> AttemptOutcome:
    if made.unsettled:
        return AttemptOutcome.UNKNOWN
    return AttemptOutcome.ERROR if made.error_code else AttemptOutcome.OK


def seconds_until_due(connection: Connection, operation: Operation) -> float | None:
    """Return the seconds until an operation is due; None if the operation no longer waits."""
    table = operations
    waiting = select(table.c.next_attempt_at - now()).where(
        table.c.id == operation.id,
        table.c.fence == operation.fence,
        table.c.state == OperationState.PENDING,
    )
    seconds: float | None = connection.execute(waiting).scalar()
    return None if seconds is None else max(0.0, seconds)


def get(connection: Connection, operation_id: str) -> Operation | None:
    """Return an operation by its id, or None."""
    table = operations
    row = connection.execute(select(*table.c).where(table.c.id == operation_id)).first()
    return None if row is None else Operation.of(row)


def find(
    connection: Connection, filters: Mapping[str, str], limit: int, after: str | None
) -> list[Operation]:
    """Return operations, the newest first.

    Args:
        connection: The connection of the caller's transaction.
        filters: The required values, by column.
        limit: The largest number of operations to return.
        after: The id of the operation before the first one to return; None for the newest.
    """
    table = operations
    query = select(*table.c).order_by(table.c.id.desc()).limit(limit)
    for name, value in filters.items():
        query = query.where(table.c[name] == value)
    if after is not None:
        query = query.where(table.c.id < after)
    return [Operation.of(row) for row in connection.execute(query)]


def unfinished(connection: Connection, kind: str, since: float | None) -> Sequence[str]:
    """Return the ids of unfinished operations of a kind that were recorded at or after a time."""
    table = operations
    query = select(table.c.id).where(table.c.finished_at.is_(None), table.c.kind == kind)
    if since is not None:
        query = query.where(table.c.created_at >= since)
    return connection.execute(query).scalars().all()


def _waiting(target: OperationState) -> list[str]:
    """Return the states from which an operator may move an operation to the target state."""
    return [one.value for one in OPERATION.sources(target) if one is not OperationState.RUNNING]


def make_due(connection: Connection, operation_id: str) -> bool:
    """Make a paused or waiting operation due now, with a new deadline.

    Returns:
        Whether the operation was paused or waiting.
    """
    table = operations
    done = connection.execute(
        update(table)
        .where(
            table.c.id == operation_id,
            table.c.state.in_(_waiting(OperationState.PENDING)),
        )
        .values(
            state=OperationState.PENDING,
            next_attempt_at=now(),
            deadline_at=now() + (table.c.deadline_at - table.c.created_at),
            fence=table.c.fence + 1,
        )
    )
    return done.rowcount == 1


def abandon(connection: Connection, operation_id: str, why: str) -> Operation | None:
    """End an operation that waits or is paused; return it, or None if it does neither."""
    table = operations
    row = connection.execute(
        update(table)
        .where(
            table.c.id == operation_id,
            table.c.state.in_(_waiting(OperationState.ABANDONED)),
        )
        .values(
            state=OperationState.ABANDONED,
            finished_at=now(),
            next_attempt_at=None,
            fence=table.c.fence + 1,
            error_code="abandoned",
            error_message=why + func.coalesce("; the last error: " + table.c.error_message, ""),
        )
        .returning(*table.c)
    ).first()
    return None if row is None else Operation.of(row)


def forget_finished(connection: Connection, keep: float, most: int) -> int:
    """Delete old finished operations that no key stands for; return how many were deleted.

    Args:
        connection: The connection of the caller's transaction.
        keep: The keep of finished operations, in seconds.
        most: The largest number of operations to delete.
    """
    table = operations
    # Ids begin with the time, so old rows are adjacent in the primary key and need no own index.
    oldest = first_id_of(time.time() - keep)
    keys = idempotency_keys
    named = select(keys.c.operation_id).where(keys.c.operation_id == table.c.id)
    old = (
        select(table.c.id)
        .where(table.c.id < oldest, table.c.finished_at < now() - keep, ~named.exists())
        .limit(most)
        .scalar_subquery()
    )
    return connection.execute(delete(table).where(table.c.id.in_(old))).rowcount
