"""Leases: the statements that renew them, and that take back what they have run out of.

Which of the two comes first is decided on the assignment's row, by the database's clock: each
statement looks and writes at once, and finds what the other has written.
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
from orchestrator_core.broker.states import AssignmentState, Step, VmState
from orchestrator_core.errors import InvalidParameter, Refused
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import assignments as assignment_rows
from orchestrator_core.state.tables import operations
from orchestrator_core.state.tables import vms as vm_rows

EXPIRED: Final = "expired"
"""Why an assignment has ended whose lease has run out."""

_RENEWED: Final = "renewed"
_OURSELVES: Final = Requester("orchestrator", "lease")
_CAUSE: Final = {"cause": "lease"}
"""What the parameters of a release say that no caller has asked for."""

_RENEW: Final = (
    update(assignment_rows)
    .where(
        assignment_rows.c.cloud == bindparam("of_cloud"),
        assignment_rows.c.node_id == bindparam("wanted"),
        assignment_rows.c.ended_at.is_(None),
        assignment_rows.c.state == AssignmentState.ACTIVE.value,
        or_(assignment_rows.c.lease_expires_at > now(), clock_hold.IN_DOUBT),
        # Who knows of no generation means the VM's first holder.
        assignment_rows.c.generation == func.coalesce(bindparam("meant", type_=Integer), 1),
    )
    .values(lease_expires_at=now() + bindparam("seconds", type_=Double))
    .returning(*assignment_rows.c)
)

# PostgreSQL uses an index only for a clock that does not go on meanwhile, and only if it gives
# the order too: of how many leases have run out it has no notion.
_RUN_OUT: Final = (
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

_LOCK_RUN_OUT: Final = _RUN_OUT.with_for_update(of=vm_rows, skip_locked=True)

_TAKE_BACK: Final = (
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
    """Return the node id of the VM that is meant, as the ledger has it: no cloud is asked.

    Raises:
        InvalidParameter: when the name fits several, or another than the id.
        Refused: when nobody holds a VM of that name.
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
        raise Refused(f"No node with the hostname {vm.hostname!r} is assigned")
    if vm.node is not None and vm.node not in found:
        raise InvalidParameter(
            "hostname", f"{vm.hostname!r} is node {', '.join(found)}, but node is {vm.node!r}"
        )
    if len(found) > 1 and vm.node is None:
        raise InvalidParameter("hostname", f"{vm.hostname!r} fits nodes {', '.join(found)}")
    return vm.node or found[0]


def renew(
    connection: Connection, cloud: str, node_id: str, seconds: float, generation: int | None
) -> Assignment:
    """Let a lease end so many seconds from now; return its assignment.

    Raises:
        Refused: when there is none that could be renewed, with the reason; nothing is changed.
    """
    values = {"of_cloud": cloud, "wanted": node_id, "seconds": seconds, "meant": generation}
    row = connection.execute(_RENEW, values).first()
    if row is not None:
        return Assignment(*row)
    held = assignments.holding(connection, cloud, node_id)
    if held is None:
        raise Refused(f"Node {node_id} is not assigned")
    assignments.check_generation(held, generation)
    if held.state != AssignmentState.ACTIVE:
        raise Refused(f"Node {node_id} is {held.state} just now")
    if held.lease_expires_at is None:
        raise Refused(f"Node {node_id} was assigned without a lease")
    raise Refused(f"The lease of node {node_id} has run out")


def tell_renewed(connection: Connection, assignment: Assignment, operation: Operation) -> None:
    """Write a renewal into an assignment's history."""
    by = Requester(operation.caller, operation.request_id)
    cause = Cause(by, operation.id, _RENEWED)
    assignments.add_event(connection, assignment, AssignmentState.ACTIVE, cause)


def any_run_out(connection: Connection) -> bool:
    """Whether there is a lease that has run out and whose VM is not taken back yet."""
    return connection.execute(_RUN_OUT, {"most": 1}).first() is not None


def run_out(connection: Connection) -> list[Assignment]:
    """Return the assignments whose leases have run out by the database's clock, 1,000 at most."""
    return [Assignment(*row) for row in connection.execute(_RUN_OUT, {"most": 1000})]


def expire_leases(connection: Connection, most: int) -> list[tuple[str, Assignment]]:
    """Take VMs out of the hands of holders whose leases have run out.

    What somebody else works on at the same moment is left to them.

    Args:
        connection: of a transaction.
        most: how many at most.

    Returns:
        Each operation that is to release and destroy a VM, by its id, with the assignment.
    """
    rows = connection.execute(_LOCK_RUN_OUT, {"most": most}).all()
    taken = ((_take_back(connection, one), one) for one in (Assignment(*row) for row in rows))
    return [(operation_id, one) for operation_id, one in taken if operation_id is not None]


def _take_back(connection: Connection, assignment: Assignment) -> str | None:
    """Record the release of a VM; return its id, or None if the lease was renewed meanwhile."""
    found = connection.execute(_TAKE_BACK, {"of_assignment": assignment.id}).first()
    if found is None:
        return None
    parameters = {"node": assignment.node_id, "hostname": assignment.hostname, **_CAUSE}
    draft = RELEASE.draft(assignment.cloud, _OURSELVES, parameters, assignment.node_id)
    operation_id = inserts.schedule(connection, replace(draft, assignment_id=assignment.id))
    cause = Cause(_OURSELVES, operation_id, EXPIRED)
    assignments.add_event(connection, assignment, AssignmentState.RELEASING, cause)
    vms.set_state(connection, assignment.cloud, assignment.node_id, VmState.RELEASING)
    return operation_id


def is_expiry(operation: Operation) -> bool:
    """Whether an operation releases a VM because its lease has run out."""
    return operation.parameters.get("cause") == _CAUSE["cause"]


def not_released(connection: Connection) -> list[Operation]:
    """Return the releases of expired leases that have not come to their end at the backend."""
    rows = connection.execute(
        select(*operations.c).where(
            operations.c.finished_at.is_(None), operations.c.step == Step.RELEASE.value
        )
    )
    return [operation for operation in map(Operation.of, rows) if is_expiry(operation)]


def drop_all(connection: Connection, who: Requester, why: str) -> None:
    """Let every assignment go on without a lease; its history says who wants that, and why."""
    for row in connection.execute(_DROP_ALL).all():
        assignment = Assignment(*row)
        assignments.add_event(
            connection, assignment, AssignmentState(assignment.state), Cause(who, why=why)
        )


def drop(connection: Connection, assignment: Assignment) -> None:
    """Let an assignment go on without a lease."""
    connection.execute(_DROP, {"of_assignment": assignment.id})
