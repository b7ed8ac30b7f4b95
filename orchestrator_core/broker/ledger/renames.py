"""Statements on the names of VMs, for a VM that is renamed; the caller provides the transaction."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from orchestrator_core.broker.ledger import held_names, vms
from orchestrator_core.broker.ledger.namesakes import refuse_if_held
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.refusals import BeingRenamed
from orchestrator_core.state.tables import assignments, operations
from orchestrator_core.state.tables import vms as vm_rows


def check(connection: Connection, renamed: VmKey, backend: str) -> None:
    """Check that a VM can be renamed although its backend identifies VMs by hostname alone.

    The VM's row is locked, so that the VM is not assigned before the rename is recorded.

    Args:
        connection: The connection of the caller's transaction.
        renamed: The VM with its new name.
        backend: The name of the backend.

    Raises:
        AlreadyAssigned: The VM is assigned.
        AmbiguousHostname: Another assigned VM has the new name.
    """
    vms.lock(connection, renamed.cloud, renamed.node_id)
    for held in held_names.holdings(connection, backend):
        refuse_if_held(renamed, backend, VmKey(held.cloud, held.node_id, held.hostname))


def check_not_renamed(connection: Connection, vm: VmKey) -> None:
    """Check that no operation renames a VM now; its backend would lose it.

    Raises:
        BeingRenamed: Such an operation has not ended; the message names it.
    """
    table = operations
    query = select(table.c.id).where(
        table.c.cloud == vm.cloud,
        table.c.node_id == vm.node_id,
        table.c.kind == "rename_vm",
        table.c.finished_at.is_(None),
    )
    operation_id = connection.execute(query.limit(1)).scalar()
    if operation_id is not None:
        raise BeingRenamed(
            f"Node {vm.node_id} is being renamed by operation {operation_id}; try again later"
        )


def write(connection: Connection, renamed: VmKey) -> None:
    """Record the new name of a VM, and of its assignment that has not ended."""
    of_vm = (vm_rows.c.cloud == renamed.cloud, vm_rows.c.node_id == renamed.node_id)
    connection.execute(
        update(vm_rows).where(*of_vm, vm_rows.c.gone_at.is_(None)).values(name=renamed.name)
    )
    connection.execute(
        update(assignments)
        .where(assignments.c.cloud == renamed.cloud, assignments.c.node_id == renamed.node_id)
        .where(assignments.c.ended_at.is_(None))
        .values(hostname=renamed.name)
    )
