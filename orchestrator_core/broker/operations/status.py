"""The statuses of operations, as plugins and operators see them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, func, select

from orchestrator_core.broker.states import OperationState
from orchestrator_core.model import OperationStatus
from orchestrator_core.state.tables import operations, vms


def unfinished_by_state(connection: Connection) -> dict[str, int]:
    """Return the numbers of operations that have not ended, by state."""
    rows = connection.execute(
        select(operations.c.state, func.count())
        .where(operations.c.finished_at.is_(None))
        .group_by(operations.c.state)
    )
    return {str(state): int(count) for state, count in rows}


def statuses(connection: Connection, ids: Collection[str]) -> dict[str, OperationStatus]:
    """Return the statuses of operations, by id; operations that are not known are left out.

    The row of a start may be deleted while its VM still exists. The status then comes from the
    VM's row.
    """
    there = and_(
        vms.c.cloud == operations.c.cloud,
        vms.c.node_id == operations.c.node_id,
        vms.c.gone_at.is_(None),
    )
    of_operations = (
        select(operations.c.id, operations.c.state, vms.c.node_id)
        .outerjoin(vms, there)
        .where(operations.c.id.in_(ids))
    )
    found = {
        row.id: OperationStatus(row.state, row.node_id) for row in connection.execute(of_operations)
    }
    of_vms = select(vms.c.operation_id, vms.c.node_id).where(
        vms.c.operation_id.in_(ids), vms.c.gone_at.is_(None)
    )
    for row in connection.execute(of_vms):
        succeeded = OperationStatus(OperationState.SUCCEEDED.value, row.node_id)
        found.setdefault(row.operation_id, succeeded)
    return found
