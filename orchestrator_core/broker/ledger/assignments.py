"""Statements on assignments; the caller provides the transaction.

The database keeps two users from holding one VM. A unique index allows a VM at most one assignment
that has not ended. A transaction that claims, releases or destroys a VM locks the VM's row first.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Double,
    String,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    func,
    select,
    update,
)

from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import Assignment, Cause, Claim, VmKey, VmOrigin
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.states import ASSIGNMENT, AssignmentState, VmState
from orchestrator_core.errors import AssignHeld, Refused
from orchestrator_core.model import JsonObject
from orchestrator_core.refusals import (
    AlreadyAssigned,
    AssignmentInProgress,
    BeingDestroyed,
    IsOrphan,
    LeaseEnded,
    StaleGeneration,
)
from orchestrator_core.state import clock_hold, installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.identifiers import new_id
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import Json, assignment_events, assignments, orphans
from orchestrator_core.state.tables import installation as installation_row
from orchestrator_core.state.tables import vms as vm_rows
from orchestrator_core.uptime import uptime

_CLOCKS_DIFFER: Final = 1.0
"""Seconds by which the database's clock may be set back during a backend call."""


def claim(connection: Connection, claimed: Claim) -> tuple[Assignment, bool]:
    """Claim a VM for a user; return the assignment, and whether it is a new one.

    A user who already holds the VM for the same application gets the existing assignment.

    Raises:
        Refused: The VM has another holder, its lease has expired, it is being released or
            destroyed, or it is gone.
        AssignHeld: The ledger alone decides about the VM, and the database may be out of date
            (a restore or a move that no operator has confirmed).
    """
    wanted = claimed.wanted
    cloud, node_id = wanted.cloud, wanted.vm.id_vm
    _note(connection, claimed)
    values = {
        "new_id": new_id(),
        "new_hostname": wanted.vm.hostname,
        "new_user": wanted.user,
        "new_vm_type": wanted.vm_type,
        "new_caller": claimed.requester.caller,
        "new_backend": claimed.backend,
        "new_state": claimed.state.value,
        "new_result": claimed.result,
        "new_lease": claimed.lease,
        "of_cloud": cloud,
        "wanted": node_id,
    }
    active = claimed.state is AssignmentState.ACTIVE
    row = connection.execute(_claim(connection.dialect.name, active=active), values).first()
    if row is not None:
        assignment = Assignment(*row)
        seen = {"of_vm": assignment.vm_id, "new_generation": assignment.generation}
        connection.execute(_RAISE_AND_SEE if active else _RAISE, seen)
        by = claimed.requester
        add_event(connection, assignment, claimed.state, Cause(by, by.operation_id))
        return assignment, True
    holder = holding(connection, cloud, node_id)
    if holder is None:
        if active:
            _check_no_hold(connection)
        raise _why_not(connection, cloud, node_id)
    if (holder.user, holder.vm_type) != (wanted.user, wanted.vm_type):
        raise AlreadyAssigned(f"Node {node_id} is already assigned to another user or application")
    if holder.state != AssignmentState.ACTIVE:
        raise AssignmentInProgress(not_active(holder))
    if has_expired(connection, holder):
        raise LeaseEnded(f"The lease of node {node_id} has expired")
    return holder, False


def not_active(held: Assignment) -> str:
    """Return the reason against a change of an assignment that is not active."""
    return f"The assignment of node {held.node_id} is in state {held.state}; try again later"


def _check_no_hold(connection: Connection) -> None:
    restored = installation.read(connection).restored
    if restored:
        raise AssignHeld(f"No VM can be assigned now: {restored}")


def _why_not(connection: Connection, cloud: str, node_id: str) -> Refused:
    it = {"of_cloud": cloud, "wanted": node_id}
    if connection.execute(_QUARANTINED, it).first() is None:
        return BeingDestroyed(f"Node {node_id} is being released or destroyed")
    why = "is an orphan; an operator has to adopt or destroy it first"
    return IsOrphan(f"Node {node_id} {why}")


def _note(connection: Connection, claimed: Claim) -> None:
    """Insert a VM's row if it has none; refuse a VM that has gone since its backend was asked."""
    vm = claimed.wanted.vm
    key = VmKey(claimed.wanted.cloud, vm.id_vm, vm.hostname)
    if vms.note(connection, key, VmOrigin.GIVEN):
        seconds = uptime() - claimed.asked_at + _CLOCKS_DIFFER
        if vms.has_gone_since(connection, key, now() - seconds):
            raise BeingDestroyed(f"Node {vm.id_vm} has been destroyed")


def has_expired(connection: Connection, assignment: Assignment) -> bool:
    """Return whether an assignment's lease has expired by the database's clock.

    An assignment without a lease never expires. No lease expires while the clock is in doubt.
    """
    if assignment.lease_expires_at is None:
        return False
    clock, in_doubt = connection.execute(_CLOCK).one()
    return not in_doubt and bool(assignment.lease_expires_at <= clock)


_CLOCK: Final = select(now(), clock_hold.IN_DOUBT)


_QUARANTINED: Final = select(orphans.c.node_id).where(
    orphans.c.cloud == bindparam("of_cloud"),
    orphans.c.node_id == bindparam("wanted"),
    orphans.c.ignored_at.is_(None),
)


_RESTORED: Final = select(installation_row.c.singleton).where(
    installation_row.c.restored_at.is_not(None)
)


@functools.cache
def _claim(dialect: str, *, active: bool) -> Any:
    """Return the one statement that locks a VM's row, checks it and claims the VM."""
    usable = ~_QUARANTINED.exists()
    if active:
        # After a restore, assignments may be missing here. A backend outside keeps its own.
        usable = and_(usable, ~_RESTORED.exists())
    free = (
        select(
            bindparam("new_id", type_=String),
            vm_rows.c.id,
            vm_rows.c.cloud,
            vm_rows.c.node_id,
            bindparam("new_hostname", type_=Text),
            bindparam("new_user", type_=Text),
            bindparam("new_vm_type", type_=Text),
            bindparam("new_caller", type_=Text),
            bindparam("new_backend", type_=String),
            vm_rows.c.generation + 1,
            bindparam("new_state", type_=String),
            bindparam("new_result", type_=Json),
            now(),
            now() if active else cast(None, Double),
            now() + bindparam("new_lease", type_=Double),
        )
        .where(
            vm_rows.c.cloud == bindparam("of_cloud"),
            vm_rows.c.node_id == bindparam("wanted"),
            vm_rows.c.state == VmState.PRESENT.value,
            usable,
        )
        .with_for_update(of=vm_rows)
    )
    insert = insert_unless_there(dialect, assignments).from_select(_CLAIMED, free)
    return insert.returning(*assignments.c)


_CLAIMED: Final = (
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
    "result",
    "created_at",
    "assigned_at",
    "lease_expires_at",
)

_RAISE: Final = (
    update(vm_rows)
    .where(vm_rows.c.id == bindparam("of_vm"))
    .values(generation=bindparam("new_generation"))
)

_RAISE_AND_SEE: Final = _RAISE.values(seen_at=now())
"""As ``_RAISE``, for a ledger that decides alone: the cloud has just shown it the VM."""

_HOLDING: Final = select(assignments).where(
    assignments.c.cloud == bindparam("of_cloud"),
    assignments.c.node_id == bindparam("wanted"),
    assignments.c.ended_at.is_(None),
)


def holding(connection: Connection, cloud: str, node_id: str) -> Assignment | None:
    """Return a VM's assignment that has not ended, or None."""
    row = connection.execute(_HOLDING, {"of_cloud": cloud, "wanted": node_id}).first()
    return None if row is None else Assignment(*row)


_LOCK_HOLDING: Final = _HOLDING.with_for_update()


def lock_holding(connection: Connection, cloud: str, node_id: str) -> Assignment | None:
    """Return what :func:`holding` returns, and lock it until this transaction ends.

    A lock on the VM's row is not enough: a backend's answer changes an assignment without it.
    """
    row = connection.execute(_LOCK_HOLDING, {"of_cloud": cloud, "wanted": node_id}).first()
    return None if row is None else Assignment(*row)


def check_generation(held: Assignment, given: int | None) -> None:
    """Check that a caller means this assignment.

    Args:
        held: The VM's assignment.
        given: The generation in the caller's request; None if the request has none.

    Raises:
        Refused: The caller may mean another assignment of the VM.
    """
    if given is not None and given > held.generation:
        raise StaleGeneration(
            f"The VM never had generation {given}; its generation is {held.generation}"
        )
    if given is not None and given < held.generation:
        raise StaleGeneration(
            f"The assignment of generation {given} has ended; the VM's generation is "
            f"{held.generation}"
        )
    if given is None and held.generation > 1:
        raise StaleGeneration(
            f"The VM has had {held.generation} holders; "
            "pass the generation of the assignment that you mean"
        )


def of_operation(connection: Connection, operation: Operation) -> Assignment | None:
    """Return the assignment that an operation changes, or None."""
    if operation.assignment_id is None:
        return None
    return get(connection, operation.assignment_id)


def _move(state: AssignmentState, **values: Any) -> Update:
    """Return the statement that moves an assignment from the state it was read in to another."""
    return (
        update(assignments)
        .where(
            assignments.c.id == bindparam("of_assignment"),
            assignments.c.state == bindparam("seen_state"),
            assignments.c.state != AssignmentState.ENDED.value,  # only a failed stop undoes an end
            assignments.c.state.in_([one.value for one in ASSIGNMENT.sources(state)]),
        )
        .values(state=state.value, **values)
    )


_MOVE: Final[Mapping[AssignmentState, Update]] = {
    AssignmentState.RELEASING: _move(AssignmentState.RELEASING),
    AssignmentState.ACTIVE: _move(
        AssignmentState.ACTIVE,
        assigned_at=func.coalesce(assignments.c.assigned_at, now()),
        result=func.coalesce(bindparam("new_result", type_=Json), assignments.c.result),
    ),
    AssignmentState.ENDED: _move(
        AssignmentState.ENDED, ended_at=now(), end_reason=bindparam("reason")
    ),
}


def move(
    connection: Connection,
    assignment: Assignment,
    state: AssignmentState,
    cause: Cause,
    result: JsonObject | None = None,
) -> bool:
    """Move an assignment to another state; return whether its state was still as read.

    Args:
        connection: The connection of the caller's transaction.
        assignment: The assignment as it was read.
        state: The new state.
        cause: The cause, for the assignment's history.
        result: The backend's answer.
    """
    values: dict[str, Any] = {
        "of_assignment": assignment.id,
        "seen_state": assignment.state,
    }
    statement = _MOVE[state]
    if state is AssignmentState.ENDED:
        values["reason"] = cause.reason
    elif state is AssignmentState.ACTIVE:
        values["new_result"] = result
    if not connection.execute(statement, values).rowcount:
        return False
    add_event(connection, assignment, state, cause)
    return True


def add_event(
    connection: Connection, assignment: Assignment, state: AssignmentState, cause: Cause
) -> None:
    """Add an event to an assignment's history."""
    by = cause.requester
    row = {
        "assignment_id": assignment.id,
        "state": state.value,
        "caller": by.caller if by else None,
        "request_id": by.request_id if by else None,
        "operation_id": cause.operation_id,
        "reason": cause.reason,
    }
    connection.execute(_ADD_EVENT, row)


_ADD_EVENT: Final = assignment_events.insert().values(at=now())


def get(connection: Connection, assignment_id: str) -> Assignment | None:
    """Return an assignment by its id, or None."""
    row = connection.execute(select(assignments).where(assignments.c.id == assignment_id)).first()
    return None if row is None else Assignment(**row._asdict())
