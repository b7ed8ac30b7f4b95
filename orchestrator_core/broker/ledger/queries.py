"""Read-only queries for VMs, their present and past assignments, and assignment histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, select

from orchestrator_core.broker.ledger.vm import Assignment, AssignmentEvent, Holder
from orchestrator_core.broker.states import VmState
from orchestrator_core.model import Vm, VmStatus
from orchestrator_core.state.tables import assignment_events, assignments, orphans
from orchestrator_core.state.tables import vms as vm_rows

_STATUS: Final = {
    VmState.RELEASING: VmStatus.RELEASING,
    VmState.DESTROYING: VmStatus.RELEASING,
}


def known_vms(connection: Connection, cloud: str) -> dict[str, Vm]:
    """Return the VMs of a cloud that are not gone, in the form of API version 1, by node id.

    Orphans without a user have status faulty. A user cannot get an orphan before an operator has
    decided about it.
    """
    held = and_(assignments.c.vm_id == vm_rows.c.id, assignments.c.ended_at.is_(None))
    rows = connection.execute(
        select(vm_rows.c.id, vm_rows.c.node_id, vm_rows.c.name, vm_rows.c.state)
        .add_columns(assignments.c.user, assignments.c.vm_type)
        .outerjoin(assignments, held)
        .where(vm_rows.c.cloud == cloud, vm_rows.c.gone_at.is_(None))
    )
    known = {row.node_id: _vm(cloud, row) for row in rows}
    for orphan in connection.execute(_ORPHANS, {"of_cloud": cloud}):
        vm = known.setdefault(orphan.node_id, Vm(0, orphan.node_id, orphan.name or "", cloud=cloud))
        if not vm.user:
            vm.status, vm.status_desc = VmStatus.FAULTY.value, VmStatus.FAULTY.name
    return known


def holders(connection: Connection, cloud: str) -> dict[str, Holder]:
    """Return the present holder of each assigned VM of a cloud, by node id."""
    table = assignments
    columns = ("id", "user", "vm_type", "generation", "lease_expires_at")
    rows = connection.execute(
        select(table.c.node_id, *(table.c[name] for name in columns)).where(
            table.c.cloud == cloud, table.c.ended_at.is_(None)
        )
    )
    return {row.node_id: Holder(*row[1:]) for row in rows}


_ORPHANS: Final = select(orphans.c.node_id, orphans.c.name).where(
    orphans.c.cloud == bindparam("of_cloud"), orphans.c.ignored_at.is_(None)
)


def _vm(cloud: str, row: Row[Any]) -> Vm:
    holder = VmStatus.FREE if row.user is None else VmStatus.ASSIGNED
    status = _STATUS.get(VmState(row.state), holder)
    return Vm(
        id=row.id,
        id_vm=row.node_id,
        hostname=row.name or "",
        user=row.user or "",
        recipe=row.vm_type or "",
        status=status.value,
        status_desc=status.name,
        cloud=cloud,
    )


def history(connection: Connection, assignment_id: str) -> list[AssignmentEvent]:
    """Return all events of an assignment, the oldest first."""
    table = assignment_events
    columns = [c for c in table.c if c.name not in ("id", "assignment_id")]
    rows = connection.execute(
        select(*columns).where(table.c.assignment_id == assignment_id).order_by(table.c.id)
    )
    return [AssignmentEvent(**row._asdict()) for row in rows]


def find(
    connection: Connection, filters: Mapping[str, str], limit: int, after: str | None
) -> list[Assignment]:
    """Return assignments, the newest first.

    Args:
        connection: The connection of the caller's transaction.
        filters: The required values, by column.
        limit: The largest number of assignments to return.
        after: The id of the assignment before the first one to return; None for the newest.
    """
    table = assignments
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    for name, value in filters.items():
        query = query.where(table.c[name] == value)
    if after is not None:
        query = query.where(table.c.id < after)
    return [Assignment(**row._asdict()) for row in connection.execute(query)]
