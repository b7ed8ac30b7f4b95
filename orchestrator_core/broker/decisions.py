"""What operators decide about operations and VMs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from orchestrator_core.broker import claims, destroying, leases, ledger, records, releasing
from orchestrator_core.broker.operation import Operation, OperationState, Step
from orchestrator_core.broker.vm import AssignmentState, Cause
from orchestrator_core.errors import OrchestratorError

_SEEN_WITHIN: Final = 60.0
"""Seconds of silence after which a process is certainly not in the middle of a start."""


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


def become_another(connection: Connection) -> None:
    """Let this copy of an installation be one of its own, beside the original.

    Every assignment goes on without a lease, those included that wait for their release. Starts
    that are settled from now on are those that this installation has made: they find no VM of
    another's.

    Raises:
        OrchestratorError: when one of them is worked on just now; nothing is changed then.
    """
    for operation in leases.not_begun(connection):
        if operation.state is OperationState.RUNNING:
            raise OrchestratorError(f"Operation {operation.id} runs just now; try again")
        abandon(connection, operation.id, "the leases of this copy are the original's")
    for operation_id in claims.under_way(connection, "start_vm", _SEEN_WITHIN):
        raise OrchestratorError(f"Operation {operation_id} runs just now; try again")
    leases.drop_all(connection)


def _end_assignment(connection: Connection, operation: Operation) -> None:
    assignment = ledger.of_operation(connection, operation)
    if assignment is not None:
        cause = Cause(operation_id=operation.id, why="abandoned")
        ledger.move(connection, assignment, AssignmentState.ENDED, cause)
