"""The state machines: listed transitions can be written, all others are refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, select, update

from orchestrator_core.broker.ledger import assignments, vms
from orchestrator_core.broker.ledger.vm import Assignment, Cause, VmKey, VmOrigin
from orchestrator_core.broker.operations import acquire, inserts, unclaimed, updates
from orchestrator_core.broker.operations.kinds import START
from orchestrator_core.broker.operations.operation import Operation, Progress, Requester
from orchestrator_core.broker.states import (
    ASSIGNMENT,
    OPERATION,
    VM,
    AssignmentState,
    OperationState,
    Step,
    VmState,
)
from orchestrator_core.errors import Superseded
from orchestrator_core.state import tables
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database

WHO = Requester("ann", "request")

Writer = Callable[[Connection, Operation], object]


def _progress(state: OperationState) -> Writer:
    return lambda connection, one: updates.progress(connection, one, Progress(state, Step.START))


WRITERS: dict[OperationState, list[Writer]] = {
    OperationState.PENDING: [
        _progress(OperationState.PENDING),
        lambda connection, one: acquire.reclaim(connection, one, "lost"),
        lambda connection, one: updates.make_due(connection, one.id),
    ],
    OperationState.RUNNING: [
        _progress(OperationState.RUNNING),
        lambda connection, one: acquire.acquire_one(connection, "p" * 32, one),
    ],
    OperationState.PAUSED: [
        _progress(OperationState.PAUSED),
        lambda connection, _: unclaimed.report(connection, [], -1.0),
    ],
    OperationState.SUCCEEDED: [_progress(OperationState.SUCCEEDED)],
    OperationState.FAILED: [_progress(OperationState.FAILED)],
    OperationState.ABANDONED: [
        _progress(OperationState.ABANDONED),
        lambda connection, one: updates.abandon(connection, one.id, "why"),
    ],
}
"""Every statement that writes a state of an operation."""


def operation_in(connection: Connection, state: OperationState) -> Operation:
    """Return an operation in a state, whose deadline has passed."""
    operation_id = inserts.schedule(connection, START.draft("a", WHO, {}, "1"))
    final = state in (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.ABANDONED)
    values = {
        "state": state.value,
        "deadline_at": now() - 1.0,
        "next_attempt_at": now() - 1.0 if state is OperationState.PENDING else None,
        "finished_at": now() if final else None,
        "owner": "p" * 32 if state is OperationState.RUNNING else None,
        "attempt_started_at": now(),
    }
    table = tables.operations
    connection.execute(update(table).where(table.c.id == operation_id).values(values))
    found = updates.get(connection, operation_id)
    assert found is not None
    return found


def reached(connection: Connection, source: OperationState, target: OperationState) -> set[str]:
    """Return the states to which a state's writers move operations in another state."""
    seen = set()
    for write in WRITERS[target]:
        connection.execute(delete(tables.attempts))
        connection.execute(delete(tables.operations))
        operation = operation_in(connection, source)
        with suppress(Superseded, KeyError):
            write(connection, operation)
        found = updates.get(connection, operation.id)
        assert found is not None
        seen.add(found.state.value)
    return seen


def test_an_operation_makes_the_transitions_that_are_listed_and_no_other(
    database: Database,
) -> None:
    for source, target in OPERATION.forbidden():
        seen = database.write_now(partial(reached, source=source, target=target))
        assert seen == {source.value}, target
    for source, target in OPERATION.transitions:
        seen = database.write_now(partial(reached, source=source, target=target))
        assert target.value in seen, source


def vm_after(connection: Connection, source: VmState, target: VmState) -> str:
    connection.execute(delete(tables.vms))
    key = VmKey("a", "1")
    vms.note(connection, key, VmOrigin.GIVEN)
    gone = now() if source is VmState.GONE else None
    connection.execute(update(tables.vms).values(state=source.value, gone_at=gone))
    vms.set_state(connection, key.cloud, key.node_id, target)
    return str(connection.execute(select(tables.vms.c.state)).scalar_one())


def test_a_vm_makes_the_transitions_that_are_listed_and_no_other(database: Database) -> None:
    for source, target in VM.forbidden():
        assert database.write_now(partial(vm_after, source=source, target=target)) == source
    for source, target in VM.transitions:
        assert database.write_now(partial(vm_after, source=source, target=target)) == target


def assignment_after(
    connection: Connection, source: AssignmentState, target: AssignmentState
) -> str:
    for table in (tables.assignment_events, tables.assignments, tables.vms):
        connection.execute(delete(table))
    vms.note(connection, VmKey("a", "1"), VmOrigin.GIVEN)
    row: dict[str, Any] = {
        "id": "e" * 32,
        "vm_id": connection.execute(select(tables.vms.c.id)).scalar_one(),
        "cloud": "a",
        "node_id": "1",
        "hostname": "one",
        "user": "ann",
        "vm_type": "app",
        "caller": "ann",
        "backend": "given",
        "generation": 1,
        "state": source.value,
        "created_at": now(),
        "ended_at": now() if source is AssignmentState.ENDED else None,
    }
    table = tables.assignments
    connection.execute(table.insert().values(row))
    assignment = Assignment(*connection.execute(select(*table.c)).one())
    with suppress(KeyError):
        assignments.move(connection, assignment, target, Cause(WHO))
    return str(connection.execute(select(table.c.state)).scalar_one())


def test_an_assignment_makes_the_transitions_that_are_listed_and_no_other(
    database: Database,
) -> None:
    for source, target in ASSIGNMENT.forbidden():
        after = partial(assignment_after, source=source, target=target)
        assert database.write_now(after) == source, target
    for source, target in ASSIGNMENT.transitions:
        after = partial(assignment_after, source=source, target=target)
        # Only a stop that failed restores an ended assignment.
        is_over = source is AssignmentState.ENDED
        assert database.write_now(after) == (source if is_over else target), target
