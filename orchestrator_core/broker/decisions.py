"""What operators decide about operations and VMs."""

from __future__ import annotations

from sqlalchemy import Connection

from orchestrator_core.broker import destroying, ledger, records, releasing
from orchestrator_core.broker.operation import Operation, Step
from orchestrator_core.broker.vm import AssignmentState, Cause


def retry(connection: Connection, operation_id: str) -> bool:
    """Have an operation that does not run tried at once; whether there is such a one."""
    return records.make_due(connection, operation_id)


def abandon(connection: Connection, operation_id: str, why: str) -> bool:
    """End an operation that does not run; whether there was such a one.

    The VM that it would have destroyed stays as it is, and is nobody's.
    """
    operation = records.abandon(connection, operation_id, why)
    if operation is None:
        return False
    if operation.step is Step.ASSIGN:
        _end_assignment(connection, operation)
    elif operation.step is Step.RELEASE:
        releasing.give_back(connection, operation)
    elif operation.node_id is not None and operation.step in (Step.DESTROY, Step.CONFIRM):
        destroying.keep(connection, operation)
    return True


def _end_assignment(connection: Connection, operation: Operation) -> None:
    assignment = ledger.of_operation(connection, operation)
    if assignment is not None:
        cause = Cause(operation_id=operation.id, why="abandoned")
        ledger.move(connection, assignment, AssignmentState.ENDED, cause)
