"""Lookups of VMs and clouds that an operator names; a cloud may no longer be configured."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select, union

from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.state.tables import assignments, operations, orphans
from orchestrator_core.state.tables import vms as vm_rows


def vm(connection: Connection, named: VmKey) -> VmKey | None:
    """Return a VM with its name; None if it is no orphan and only its id is known."""
    row = vms.get(connection, named.cloud, named.node_id)
    if row is not None and not vms.is_unknown(row):
        return VmKey(row.cloud, row.node_id, row.name)
    orphan = connection.execute(
        select(orphans.c.name).where(
            orphans.c.cloud == named.cloud, orphans.c.node_id == named.node_id
        )
    ).first()
    return None if orphan is None else VmKey(named.cloud, named.node_id, orphan.name)


def called(connection: Connection, cloud: str, name: str) -> list[str]:
    """Return the ids of a cloud's VMs, orphans included, that have the given name."""
    ids = union(
        select(vm_rows.c.node_id).where(
            vm_rows.c.cloud == cloud, vm_rows.c.name == name, vm_rows.c.gone_at.is_(None)
        ),
        select(orphans.c.node_id).where(orphans.c.cloud == cloud, orphans.c.name == name),
    )
    return sorted(connection.execute(ids).scalars())


def has_rows_of(connection: Connection, cloud: str) -> bool:
    """Return whether the database has an operation, an assignment or an orphan of a cloud."""
    tables = (operations, assignments, orphans)
    recorded = (select(table.c.cloud).where(table.c.cloud == cloud).exists() for table in tables)
    return bool(connection.execute(select(or_(*recorded))).scalar_one())
