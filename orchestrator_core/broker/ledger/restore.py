"""Statements that restore an assignment that was ended by a stop that later failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, update

from orchestrator_core.broker.ledger import assignments
from orchestrator_core.broker.ledger.vm import Assignment, Cause
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.states import AssignmentState, EndReason, OperationState
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import assignment_events, operations
from orchestrator_core.state.tables import assignments as assignment_rows
from orchestrator_core.state.tables import vms as vm_rows


def restore_assignment(
    connection: Connection, operation: Operation, state: AssignmentState
) -> None:
    """Restore a VM's last assignment if it was ended by stops that later failed.

    Args:
        connection: The connection of the caller's transaction.
        operation: The last of these stops.
        state: The state to restore the assignment in.
    """
    table, events, ours = assignment_rows, assignment_events, operations
    failed = select(ours.c.id).where(
        ours.c.cloud == operation.cloud,
        ours.c.node_id == operation.node_id,
        ours.c.kind == operation.kind,
        ours.c.state == OperationState.FAILED,
    )
    ended = select(events.c.assignment_id).where(
        events.c.operation_id.in_(failed), events.c.state == AssignmentState.ENDED
    )
    vm = select(vm_rows.c.id).where(
        vm_rows.c.id == table.c.vm_id,
        vm_rows.c.generation == table.c.generation,
        vm_rows.c.gone_at.is_(None),
    )
    rows = connection.execute(
        select(*table.c)
        .where(table.c.cloud == operation.cloud, table.c.node_id == operation.node_id)
        .where(table.c.end_reason == EndReason.STOPPED, table.c.id.in_(ended), vm.exists())
    ).all()
    for row in rows:
        _go_on(connection, Assignment(**row._asdict()), state, operation)


def _go_on(
    connection: Connection, assignment: Assignment, state: AssignmentState, stop: Operation
) -> None:
    """Undo the end of an assignment, unless its assign operation failed or was abandoned.

    If the backend had not yet agreed to the assignment when it ended, the new state depends on the
    assign operation: ``ASSIGNING`` while that operation is unfinished, else ``state``.
    """
    result = assignment.result
    if assignment.assigned_at is None:
        ours = operations
        its = connection.execute(
            select(ours.c.state, ours.c.result, ours.c.finished_at)
            .where(
                ours.c.cloud == assignment.cloud,
                ours.c.node_id == assignment.node_id,
                ours.c.kind == "assign_vm",
                ours.c.assignment_id == assignment.id,
            )
            .with_for_update()  # its outcome may be being recorded at this moment
        ).first()
        if its is None or its.state in (OperationState.FAILED, OperationState.ABANDONED):
            return
        if its.finished_at is None:
            state = AssignmentState.ASSIGNING
        result = its.result
    table = assignment_rows
    values: dict[str, Any] = {
        "state": state,
        "ended_at": None,
        "end_reason": None,
        "result": result,
    }
    if result is not None:
        values["assigned_at"] = func.coalesce(table.c.assigned_at, now())
    connection.execute(update(table).where(table.c.id == assignment.id).values(values))
    assignments.add_event(
        connection, assignment, state, Cause(operation_id=stop.id, reason=stop.error_code)
    )
