"""Who holds which VM: the statements, each within somebody's transaction.

That nobody gets what somebody has is the database's work: a VM has at most one assignment that
has not ended (a unique index), and whoever claims, releases or destroys it locks its row first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, literal, select, update

from orchestrator_core.broker.operation import Operation, Requester
from orchestrator_core.broker.vm import (
    Assignment,
    AssignmentEvent,
    AssignmentState,
    Cause,
    VmKey,
    VmOrigin,
    VmState,
)
from orchestrator_core.errors import Refused
from orchestrator_core.model import AssignRequest, JsonObject, Vm, VmStatus
from orchestrator_core.state.clock import now
from orchestrator_core.state.identifiers import new_id
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import assignment_events, assignments, vms

_PORTION: Final = 500

_STATUS: Final = {
    VmState.RELEASING: VmStatus.RELEASING,
    VmState.DESTROYING: VmStatus.RELEASING,
}


def known_vms(connection: Connection, cloud: str) -> dict[str, Vm]:
    """Return the VMs of a cloud that are not gone, as version 1 shows them, by node id."""
    held = and_(assignments.c.vm_id == vms.c.id, assignments.c.ended_at.is_(None))
    rows = connection.execute(
        select(vms.c.id, vms.c.node_id, vms.c.name, vms.c.state)
        .add_columns(assignments.c.user, assignments.c.vm_type)
        .outerjoin(assignments, held)
        .where(vms.c.cloud == cloud, vms.c.gone_at.is_(None))
    )
    known = {}
    for row in rows:
        holder = VmStatus.FREE if row.user is None else VmStatus.ASSIGNED
        status = _STATUS.get(VmState(row.state), holder)
        known[row.node_id] = Vm(
            id=row.id,
            id_vm=row.node_id,
            hostname=row.name or "",
            user=row.user or "",
            recipe=row.vm_type or "",
            status=status.value,
            status_desc=status.name,
            cloud=cloud,
        )
    return known


def note_vm(
    connection: Connection, vm: VmKey, origin: VmOrigin, operation_id: str | None = None
) -> None:
    """See to it that a VM has a row.

    Args:
        connection: of a transaction.
        vm: which one.
        origin: how it came to be known.
        operation_id: the operation that started it.
    """
    connection.execute(
        insert_unless_there(connection, vms).values(
            cloud=vm.cloud,
            node_id=vm.node_id,
            name=vm.name,
            origin=origin,
            state=VmState.PRESENT,
            protected=False,
            generation=0,
            operation_id=operation_id,
            made_at=now(),
        )
    )


def get_vm(connection: Connection, cloud: str, node_id: str) -> Row[Any] | None:
    """Return the row of a VM that is not gone."""
    return connection.execute(_vm(cloud, node_id)).first()


def _vm(cloud: str, node_id: str) -> Select[Any]:
    return select(vms).where(
        vms.c.cloud == cloud, vms.c.node_id == node_id, vms.c.gone_at.is_(None)
    )


def lock_vm(connection: Connection, cloud: str, node_id: str) -> Row[Any] | None:
    """Return a VM's row, and let nobody else change it before this transaction ends."""
    return connection.execute(_vm(cloud, node_id).with_for_update()).first()


def claim(
    connection: Connection,
    wanted: AssignRequest,
    backend: str,
    requester: Requester,
    state: AssignmentState,
) -> tuple[Assignment, bool]:
    """Let a user hold a VM; return the assignment, and whether it is a new one.

    Who holds the VM for the same application already gets that assignment again.

    Raises:
        Refused: when somebody else holds it, or it is on its way out.
    """
    cloud, node_id = wanted.cloud, wanted.vm.id_vm
    note_vm(connection, VmKey(cloud, node_id, wanted.vm.hostname), VmOrigin.GIVEN)
    claimed = connection.execute(_claim(connection, wanted, backend, requester, state)).first()
    if claimed is not None:
        connection.execute(
            update(vms)
            .where(vms.c.id == claimed.vm_id)
            # Where the ledger alone decides, the cloud has just shown the VM to the backend.
            .values(
                generation=claimed.generation,
                seen_at=now() if state is AssignmentState.ACTIVE else vms.c.seen_at,
            )
        )
        assignment = Assignment(**claimed._asdict())
        tell(connection, assignment, state, Cause(requester))
        return assignment, True
    holder = holding(connection, cloud, node_id)
    if holder is None:
        raise Refused(f"Node {node_id} is being released or destroyed")
    if (holder.user, holder.vm_type) != (wanted.user, wanted.vm_type):
        raise Refused(f"Node {node_id} is already assigned to another user or application")
    if holder.state != AssignmentState.ACTIVE:
        raise Refused(f"Node {node_id} is {holder.state} just now")
    return holder, False


def _claim(
    connection: Connection,
    wanted: AssignRequest,
    backend: str,
    requester: Requester,
    state: AssignmentState,
) -> Any:
    """One statement: the VM's row is locked, looked at and claimed in it."""
    free = (
        select(
            literal(new_id()),
            vms.c.id,
            vms.c.cloud,
            vms.c.node_id,
            literal(wanted.vm.hostname),
            literal(wanted.user),
            literal(wanted.vm_type),
            literal(requester.caller),
            literal(backend),
            vms.c.generation + 1,
            literal(state),
            now(),
            now() if state is AssignmentState.ACTIVE else literal(None, assignments.c.made_at.type),
        )
        .where(
            vms.c.cloud == wanted.cloud,
            vms.c.node_id == wanted.vm.id_vm,
            vms.c.state == VmState.PRESENT,
        )
        .with_for_update()
    )
    columns = (
        "id",
        "vm_id",
        "cloud",
        "node_id",
        "hostname",
        "user",
        "vm_type",
        "caller",
        "backend",
        "generation",
        "state",
        "made_at",
        "assigned_at",
    )
    insert = insert_unless_there(connection, assignments)
    return insert.from_select(columns, free).returning(*assignments.c)


def holding(connection: Connection, cloud: str, node_id: str) -> Assignment | None:
    """Return the assignment of a VM that has not ended."""
    table = assignments
    row = connection.execute(
        select(table).where(
            table.c.cloud == cloud, table.c.node_id == node_id, table.c.ended_at.is_(None)
        )
    ).first()
    return None if row is None else Assignment(**row._asdict())


def of_operation(connection: Connection, operation: Operation) -> Assignment | None:
    """Return the assignment that an operation is about."""
    if operation.assignment_id is None:
        return None
    return get(connection, operation.assignment_id)


def set_result(connection: Connection, assignment: Assignment, result: JsonObject) -> None:
    """Keep the answer for who asks for the same again."""
    connection.execute(
        update(assignments).where(assignments.c.id == assignment.id).values(result=result)
    )


def move(
    connection: Connection,
    assignment: Assignment,
    state: AssignmentState,
    cause: Cause,
    result: JsonObject | None = None,
) -> bool:
    """Bring an assignment from the state that it was seen in to another; whether it was so.

    Args:
        connection: of a transaction.
        assignment: as it was seen.
        state: the new one.
        cause: for the history.
        result: the backend's answer.
    """
    values: dict[str, Any] = {"state": state}
    if state is AssignmentState.ENDED:
        values |= {"ended_at": now(), "end_reason": cause.why}
    elif state is AssignmentState.ACTIVE and assignment.assigned_at is None:
        values["assigned_at"] = now()
    if result is not None:
        values["result"] = result
    table = assignments
    moved = connection.execute(
        update(table)
        .where(table.c.id == assignment.id, table.c.state == assignment.state)
        .values(values)
        .returning(table.c.id)
    ).first()
    if moved is None:
        return False
    tell(connection, assignment, state, cause)
    return True


def reopen(connection: Connection, operation: Operation) -> None:
    """Let the assignment that an operation has ended go on: nothing has become of it."""
    table, events = assignments, assignment_events
    ended = (
        select(events.c.assignment_id)
        .where(events.c.operation_id == operation.id, events.c.state == AssignmentState.ENDED)
        .scalar_subquery()
    )
    rows = connection.execute(
        update(table)
        .where(table.c.id.in_(ended), table.c.ended_at.is_not(None))
        .values(state=AssignmentState.ACTIVE, ended_at=None, end_reason=None)
        .returning(*table.c)
    ).all()
    for row in rows:
        cause = Cause(operation_id=operation.id, why=operation.error_code)
        tell(connection, Assignment(**row._asdict()), AssignmentState.ACTIVE, cause)


def tell(
    connection: Connection, assignment: Assignment, state: AssignmentState, cause: Cause
) -> None:
    """Write into an assignment's history."""
    by = cause.requester
    connection.execute(
        assignment_events.insert().values(
            assignment_id=assignment.id,
            at=now(),
            state=state,
            caller=by.caller if by else None,
            request_id=by.request_id if by else None,
            operation_id=cause.operation_id,
            why=cause.why,
        )
    )


def note_seen(connection: Connection, cloud: str, node_ids: Sequence[str]) -> None:
    """Write down which VMs a cloud shows now."""
    for at in range(0, len(node_ids), _PORTION):
        connection.execute(
            update(vms)
            .where(vms.c.cloud == cloud, vms.c.gone_at.is_(None))
            .where(vms.c.node_id.in_(node_ids[at : at + _PORTION]))
            .values(seen_at=now())
        )


def set_vm_state(connection: Connection, cloud: str, node_id: str, state: VmState) -> None:
    """Write down what is being done with a VM."""
    values: dict[str, Any] = {"state": state}
    if state is VmState.GONE:
        values["gone_at"] = now()
    connection.execute(
        update(vms)
        .where(vms.c.cloud == cloud, vms.c.node_id == node_id, vms.c.gone_at.is_(None))
        .values(values)
    )


def get(connection: Connection, assignment_id: str) -> Assignment | None:
    """Return one assignment."""
    row = connection.execute(select(assignments).where(assignments.c.id == assignment_id)).first()
    return None if row is None else Assignment(**row._asdict())


def history(connection: Connection, assignment_id: str) -> list[AssignmentEvent]:
    """Return everything that happened to an assignment, in its order."""
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
        connection: of a transaction.
        filters: values by column.
        limit: how many at most.
        after: the id of the one before the first.
    """
    table = assignments
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    for name, value in filters.items():
        query = query.where(table.c[name] == value)
    if after is not None:
        query = query.where(table.c.id < after)
    return [Assignment(**row._asdict()) for row in connection.execute(query)]
