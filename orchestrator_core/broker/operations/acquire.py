"""Statements that acquire operations for a process and reclaim those of lost processes."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, update

from orchestrator_core.broker.operations import attempts
from orchestrator_core.broker.operations.operation import AttemptOutcome, Operation
from orchestrator_core.broker.operations.turns import DUE, Turns
from orchestrator_core.broker.states import OperationState
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import operations, processes


def anything_due(connection: Connection, process_timeout: float) -> bool:
    """Return whether any operation is due, or is owned by a lost process."""
    table = operations
    due = select(table.c.id).where(*DUE)
    lost = select(table.c.id).where(_is_lost(process_timeout))
    return bool(connection.execute(select(or_(due.exists(), lost.exists()))).scalar_one())


def in_flight(connection: Connection, kind: str, process_timeout: float) -> Sequence[str]:
    """Return the ids of the operations of a kind that living processes run."""
    table = operations
    query = select(table.c.id).where(
        table.c.finished_at.is_(None),
        table.c.kind == kind,
        table.c.owner.in_(alive(process_timeout)),
    )
    return connection.execute(query).scalars().all()


def has_worker(connection: Connection, silent: float) -> bool:
    """Return whether a durable worker has sent a heartbeat within the last ``silent`` seconds."""
    worker = select(processes.c.id).where(
        processes.c.kind == "worker", processes.c.seen_at > now() - silent
    )
    return bool(connection.execute(select(worker.exists())).scalar_one())


def count_lost(connection: Connection, process_timeout: float) -> int:
    """Return the number of operations that are owned by a lost process."""
    query = select(func.count()).where(_is_lost(process_timeout))
    return int(connection.execute(query).scalar_one())


def _is_lost(process_timeout: float) -> ColumnElement[bool]:
    table = operations
    return and_(
        table.c.finished_at.is_(None),
        table.c.owner.is_not(None),
        table.c.owner.not_in(alive(process_timeout)),
    )


def alive(process_timeout: float) -> Select[tuple[str]]:
    """Return the query of the ids of the processes that count as alive."""
    return select(processes.c.id).where(processes.c.seen_at > now() - process_timeout)


def room(connection: Connection, cloud: str, limit: int | None) -> int | None:
    """Return how many more operations may run in a cloud; None for no limit.

    A concurrent call for the same cloud waits until this transaction has ended.
    """
    if limit is None:
        return None
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"changes {cloud}"))))
    table = operations
    running = connection.execute(
        select(func.count()).where(table.c.cloud == cloud, table.c.state == OperationState.RUNNING)
    ).scalar_one()
    return max(0, limit - int(running))


def acquire_due(
    connection: Connection,
    process: str,
    clouds: Mapping[str, int | None],
    most: int,
    turns: Turns | None = None,
) -> list[Operation]:
    """Acquire operations that are due for a process, and begin an attempt of each.

    Each cloud with a limit is a group; all other clouds together are one group. The groups come
    in a random order each time, so that the backlog of one cannot block another for ever. Within
    a group, callers take turns.

    Args:
        connection: The connection of the caller's transaction.
        process: The process that will run the operations.
        clouds: The clouds that this process can reach, each with the largest number of operations
            that may run in it at the same time; None for no limit.
        most: The largest number of operations to acquire.
        turns: The turns of the callers; None for a process that runs no operation yet.
    """
    turns = turns or Turns({})
    groups: list[tuple[list[str], int | None]]
    groups = [([name], limit) for name, limit in clouds.items() if limit is not None]
    groups.append(([name for name, limit in clouds.items() if limit is None], None))
    random.shuffle(groups)
    claimed: list[Operation] = []
    for names, limit in groups:
        left = most - len(claimed)
        if limit is not None and left:
            # Ask for room only if something is due: the room takes a lock. An operation that
            # becomes due after this check waits for the next call.
            due = _is_due(connection, names)
            left = min(left, room(connection, names[0], limit) or 0) if due else 0
        if left:
            taken = _claim(connection, process, turns.due(names, left))
            turns.count(taken)
            claimed += taken
    return claimed


def _is_due(connection: Connection, clouds: Sequence[str]) -> bool:
    due = select(operations.c.id).where(*DUE, operations.c.cloud.in_(clouds))
    return connection.execute(select(due.exists())).scalar_one()


def _claim(connection: Connection, process: str, due: Select[tuple[str]]) -> list[Operation]:
    # The SELECT is not a subquery of the UPDATE: PostgreSQL may run a subquery once for each row,
    # and each run would find up to the full number of operations.
    locked = due.with_for_update(of=operations, skip_locked=True)
    ids = connection.execute(locked).scalars().all()
    return _take(connection, process, operations.c.id.in_(ids)) if ids else []


def acquire_one(connection: Connection, process: str, operation: Operation) -> Operation | None:
    """Acquire an operation again that this process ran before; None if another process took it."""
    table = operations
    same = and_(
        table.c.id == operation.id,
        table.c.fence == operation.fence,
        table.c.state == OperationState.PENDING,
    )
    return next(iter(_take(connection, process, same)), None)


def _take(connection: Connection, process: str, which: ColumnElement[bool]) -> list[Operation]:
    table = operations
    rows = connection.execute(
        update(table)
        .where(which)
        .values(
            state=OperationState.RUNNING,
            owner=process,
            process=process,
            fence=table.c.fence + 1,
            attempts=table.c.attempts + 1,
            attempt_started_at=now(),
            next_attempt_at=None,
        )
        .returning(*table.c)
    )
    return [Operation.of(row) for row in rows]


def reclaim(connection: Connection, operation: Operation, why: str) -> None:
    """Reclaim an operation of a lost process: make it due, with its last attempt unsettled."""
    table = operations
    written = connection.execute(
        update(table)
        .where(
            table.c.id == operation.id,
            table.c.fence == operation.fence,
            table.c.state == OperationState.RUNNING,
        )
        .values(
            state=OperationState.PENDING,
            unsettled=True,
            owner=None,
            fence=table.c.fence + 1,
            next_attempt_at=now(),
            error_code="process_lost",
            error_message=why,
        )
        .returning(now())
    ).scalar()
    if written is not None:
        attempts.end(connection, operation, AttemptOutcome.LOST, written, ("process_lost", why))


def reclaim_lost(connection: Connection, process_timeout: float) -> int:
    """Reclaim every operation whose process has sent no heartbeat for too long.

    Args:
        connection: The connection of the caller's transaction.
        process_timeout: The seconds of silence after which a process counts as lost.

    Returns:
        The number of operations found.
    """
    dead = connection.execute(
        select(*operations.c).where(_is_lost(process_timeout)).with_for_update(skip_locked=True)
    ).all()
    for row in dead:
        reclaim(connection, Operation.of(row), "the process that ran the operation has ended")
    return len(dead)


def forgotten(
    connection: Connection, process: str, known: Collection[str] = (), older_than: float = -1.0
) -> list[Operation]:
    """Return the operations that a process owns in the database but does not run.

    Args:
        connection: The connection of the caller's transaction.
        process: The process that owns the operations.
        known: The ids of the operations that the process runs.
        older_than: The smallest age of an operation's current attempt, in seconds.
    """
    table = operations
    rows = connection.execute(
        select(*table.c)
        .where(table.c.finished_at.is_(None), table.c.owner == process)
        .where(table.c.attempt_started_at < now() - older_than)
        .where(table.c.id.not_in(known))
    )
    return [Operation.of(row) for row in rows]
