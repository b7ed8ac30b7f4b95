"""Statements that renew and expire leases.

The database's clock decides whether a renewal or the expiry comes first. Each statement checks and
updates the assignment's row in one step, so it sees what the other one has written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy import (
    Connection,
    Double,
    Integer,
    bindparam,
    func,
    or_,
    select,
    update,
)

from orchestrator_core.broker.ledger import assignments, vms
from orchestrator_core.broker.ledger.vm import Assignment, Cause
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.change import VmReference
from orchestrator_core.broker.operations.kinds import RELEASE
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.broker.states import AssignmentState, EndReason, Step, VmState
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.refusals import AssignmentInProgress, LeaseEnded, NoLease, NotAssigned
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import assignments as assignment_rows
from orchestrator_core.state.tables import operations
from orchestrator_core.state.tables import vms as vm_rows

_RENEWED: Final = "renewed"
_OURSELVES: Final = Requester("orchestrator", "lease")
_CAUSE: Final = {"cause": "lease"}
"""Parameters that mark a release as the expiry of a lease: no caller asked for it."""

_RENEW: Final = (
    update(assignment_rows)
    .where(
        assignment_rows.c.cloud == bindparam("of_cloud"),
        assignment_rows.c.node_id == bindparam("wanted"),
        assignment_rows.c.ended_at.is_(None),
        assignment_rows.c.state == AssignmentState.ACTIVE.value,
        or_(assignment_rows.c.lease_expires_at > now(), clock_hold.IN_DOUBT),
        # Without a generation, assume the first holder.
        assignment_rows.c.generation == func.coalesce(bindparam("meant", type_=Integer), 1),
    )
    .values(lease_expires_at=now() + bindparam("seconds", type_=Double))
    .returning(*assignment_rows.c)
)

# PostgreSQL uses the index only under two conditions. The time must be constant during the
# statement (hence the subquery), and the index must also provide the order, because the planner
# cannot estimate how many leases have expired.
#
# There is no condition on a clock in doubt: the durable worker checks the clock in the same
# transaction, after these statements, and rolls back if the clock is not trusted.
_EXPIRED_LEASES: Final = (
    select(*assignment_rows.c)
    .join(vm_rows, vm_rows.c.id == assignment_rows.c.vm_id)
    .where(
        assignment_rows.c.ended_at.is_(None),
        assignment_rows.c.lease_expires_at <= select(now()).scalar_subquery(),
        assignment_rows.c.state == AssignmentState.ACTIVE.value,
        vm_rows.c.state == VmState.PRESENT.value,
    )
    .order_by(assignment_rows.c.ended_at, assignment_rows.c.lease_expires_at)
    .limit(bindparam("most", type_=Integer))
)

_LOCK_EXPIRED: Final = _EXPIRED_LEASES.with_for_update(of=vm_rows, skip_locked=True)

_EXPIRE: Final = (
    update(assignment_rows)
    .where(
        assignment_rows.c.id == bindparam("of_assignment"),
        assignment_rows.c.state == AssignmentState.ACTIVE.value,
        assignment_rows.c.lease_expires_at <= now(),
    )
    .values(state=AssignmentState.RELEASING.value)
    .returning(assignment_rows.c.id)
)

_DROP: Final = (
    update(assignment_rows)
    .where(assignment_rows.c.id == bindparam("of_assignment"))
    .values(lease_expires_at=None)
)


_DROP_ALL: Final = (
    update(assignment_rows)
    .where(assignment_rows.c.ended_at.is_(None), assignment_rows.c.lease_expires_at.is_not(None))
    .values(lease_expires_at=None)
    .returning(*assignment_rows.c)
)


def which(connection: Connection, cloud: str, vm: VmReference) -> str:
    """Return the node id of the VM that a caller means, from the ledger alone.

    Raises:
        InvalidParameter: The hostname matches several VMs, or not the VM with the given id.
        Refused: No VM with that hostname is assigned.
    """
    if vm.hostname is None:
        assert vm.node is not None
        return vm.node
    query = select(assignment_rows.c.node_id).where(
        assignment_rows.c.cloud == cloud,
        assignment_rows.c.hostname == vm.hostname,
        assignment_rows.c.ended_at.is_(None),
    )
    found = sorted(connection.execute(query).scalars())
    if not found:
        raise NotAssigned(f"No node with the hostname {vm.hostname!r} is assigned")
    if vm.node is not None and vm.node not in found:
        raise InvalidParameter(
            "hostname", f"{vm.hostname!r} is node {', '.join(found)}, but node is {vm.node!r}"
        )
    if len(found) > 1 and vm.node is None:
        raise InvalidParameter(
            "hostname", f"{vm.hostname!r} is the hostname of nodes {', '.join(found)}"
        )
    return vm.node or found[0]


def renew(
    connection: Connection, cloud: str, node_id: str, seconds: float, generation: int | None
) -> Assignment:
    """Renew a lease so that it ends ``seconds`` from now; return its assignment.

    Raises:
        Refused: The VM has no lease that can be renewed; the message has the reason. Nothing is
            changed.
    """
    values = {"of_cloud": cloud, "wanted": node_id, "seconds": seconds, "meant": generation}
    row = connection.execute(_RENEW, values).first()
    if row is not None:
        return Assignment(*row)
    held = assignments.holding(connection, cloud, node_id)
    if held is None:
        raise NotAssigned(f"Node {node_id} is not assigned")
    assignments.check_generation(held, generation)
    if held.state != AssignmentState.ACTIVE:
        raise AssignmentInProgress(assignments.not_active(held))
    if held.lease_expires_at is None:
        raise NoLease(f"Node {node_id} has no lease")
    raise LeaseEnded(f"The lease of node {node_id} has expired")


def add_renewed_event(connection: Connection, assignment: Assignment, operation: Operation) -> None:
    """Add a renewal to an assignment's history."""
    by = Requester(operation.caller, operation.request_id)
    cause = Cause(by, operation.id, _RENEWED)
    assignments.add_event(connection, assignment, AssignmentState.ACTIVE, cause)


def any_expired(connection: Connection) -> bool:
    """Return whether a lease has expired whose VM is not being released yet."""
    return connection.execute(_EXPIRED_LEASES, {"most": 1}).first() is not None


def expired(connection: Connection) -> list[Assignment]:
    """Return at most 1,000 assignments whose leases have expired by the database's clock."""
    return [Assignment(*row) for row in connection.execute(_EXPIRED_LEASES, {"most": 1000})]


def expire_leases(connection: Connection, most: int) -> list[tuple[str, Assignment]]:
    """Record the releases of VMs whose leases have expired.

    VMs whose rows are locked by another transaction are skipped.

    Args:
        connection: The connection of the caller's transaction.
        most: The largest number of leases to expire.

    Returns:
        The id of each operation that will release and destroy a VM, with the VM's assignment.
    """
    rows = connection.execute(_LOCK_EXPIRED, {"most": most}).all()
    taken = ((_expire(connection, one), one) for one in (Assignment(*row) for row in rows))
    return [(operation_id, one) for operation_id, one in taken if operation_id is not None]


def _expire(connection: Connection, assignment: Assignment) -> str | None:
    """Record the release of a VM; return the operation's id, or None if the lease was renewed."""
    found = connection.execute(_EXPIRE, {"of_assignment": assignment.id}).first()
    if found is None:
        return None
    parameters = {"node": assignment.node_id, "hostname": assignment.hostname, **_CAUSE}
    draft = RELEASE.draft(assignment.cloud, _OURSELVES, parameters, assignment.node_id)
    operation_id = inserts.schedule(connection, replace(draft, assignment_id=assignment.id))
    cause = Cause(_OURSELVES, operation_id, EndReason.EXPIRED)
    assignments.add_event(connection, assignment, AssignmentState.RELEASING, cause)
    vms.set_state(connection, assignment.cloud, assignment.node_id, VmState.RELEASING)
    return operation_id


def is_expiry(operation: Operation) -> bool:
    """Return whether an operation releases a VM because the VM's lease has expired."""
    return operation.parameters.get("cause") == _CAUSE["cause"]


def not_released(connection: Connection) -> list[Operation]:
    """Return the releases of expired leases that the backend has not completed."""
    rows = connection.execute(
        select(*operations.c).where(
            operations.c.finished_at.is_(None), operations.c.step == Step.RELEASE.value
        )
    )
    return [operation for operation in map(Operation.of, rows) if is_expiry(operation)]


def drop_all(connection: Connection, who: Requester, why: str) -> None:
    """Remove the lease of every assignment; add the requester and the reason to each history."""
    for row in connection.execute(_DROP_ALL).all():
        assignment = Assignment(*row)
        assignments.add_event(
            connection, assignment, AssignmentState(assignment.state), Cause(who, reason=why)
        )


def drop(connection: Connection, assignment: Assignment) -> None:
    """Remove an assignment's lease; the assignment continues."""
    connection.execute(_DROP, {"of_assignment": assignment.id})
