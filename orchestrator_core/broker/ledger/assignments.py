"""Who holds which VM: the statements, each within somebody's transaction.

That nobody gets what somebody has is the database's work: a VM has at most one assignment that
has not ended (a unique index), and whoever claims, releases or destroys it locks its row first.
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
from orchestrator_core.state import clock_hold, installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.identifiers import new_id
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import Json, assignment_events, assignments, orphans
from orchestrator_core.state.tables import installation as installation_row
from orchestrator_core.state.tables import vms as vm_rows
from orchestrator_core.uptime import uptime

STOPPED: Final = "stopped"
"""Why an assignment has ended whose VM somebody wants destroyed."""

_CLOCKS_DIFFER: Final = 1.0
"""Seconds by which the database's clock may be set back while a backend is asked."""


def claim(connection: Connection, claimed: Claim) -> tuple[Assignment, bool]:
    """Let a user hold a VM; return the assignment, and whether it is a new one.

    Who holds the VM for the same application already gets that assignment again.

    Raises:
        Refused: when somebody else holds it, the lease has run out, or it is on its way out or
            gone.
        AssignHeld: when the ledger alone decides, and may be older than what it tells of.
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
            _check_held(connection)
        raise Refused(f"Node {node_id} {_why_not(connection, cloud, node_id)}")
    if (holder.user, holder.vm_type) != (wanted.user, wanted.vm_type):
        raise Refused(f"Node {node_id} is already assigned to another user or application")
    if holder.state != AssignmentState.ACTIVE:
        raise Refused(f"Node {node_id} is {holder.state} just now")
    if has_run_out(connection, holder):
        raise Refused(f"The lease of node {node_id} has run out")
    return holder, False


def _check_held(connection: Connection) -> None:
    restored = installation.read(connection).restored
    if restored:
        raise AssignHeld(f"Nobody is given a VM just now: {restored}")


def _why_not(connection: Connection, cloud: str, node_id: str) -> str:
    it = {"of_cloud": cloud, "wanted": node_id}
    if connection.execute(_QUARANTINED, it).first() is None:
        return "is being released or destroyed"
    return "is an orphan: an operator has to adopt it first, or to destroy it"


def _note(connection: Connection, claimed: Claim) -> None:
    """See to it that a VM has a row, unless it has gone since its backend was asked for it."""
    vm = claimed.wanted.vm
    key = VmKey(claimed.wanted.cloud, vm.id_vm, vm.hostname)
    if vms.note(connection, key, VmOrigin.GIVEN):
        seconds = uptime() - claimed.asked_at + _CLOCKS_DIFFER
        if vms.has_gone_since(connection, key, now() - seconds):
            raise Refused(f"Node {vm.id_vm} was destroyed meanwhile")


def has_run_out(connection: Connection, assignment: Assignment) -> bool:
    """Whether an assignment had a lease, and its time is over by the database's clock.

    No lease ends while that clock is in doubt.
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
    """One statement: the VM's row is locked, looked at and claimed in it."""
    usable = ~_QUARANTINED.exists()
    if active:
        # Another database may have told since who holds it; an outside backend knows by itself.
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
    "made_at",
    "assigned_at",
    "lease_expires_at",
)

_RAISE: Final = (
    update(vm_rows)
    .where(vm_rows.c.id == bindparam("of_vm"))
    .values(generation=bindparam("new_generation"))
)

_RAISE_AND_SEE: Final = _RAISE.values(seen_at=now())
"""Where the ledger alone decides, the cloud has just shown the VM to the backend."""

_HOLDING: Final = select(assignments).where(
    assignments.c.cloud == bindparam("of_cloud"),
    assignments.c.node_id == bindparam("wanted"),
    assignments.c.ended_at.is_(None),
)


def holding(connection: Connection, cloud: str, node_id: str) -> Assignment | None:
    """Return the assignment of a VM that has not ended."""
    row = connection.execute(_HOLDING, {"of_cloud": cloud, "wanted": node_id}).first()
    return None if row is None else Assignment(*row)


_LOCK_HOLDING: Final = _HOLDING.with_for_update()


def lock_holding(connection: Connection, cloud: str, node_id: str) -> Assignment | None:
    """As :func:`holding`; nobody else changes it before this transaction ends.

    A backend's answer changes an assignment without a lock on its VM.
    """
    row = connection.execute(_LOCK_HOLDING, {"of_cloud": cloud, "wanted": node_id}).first()
    return None if row is None else Assignment(*row)


def check_generation(held: Assignment, given: int | None) -> None:
    """Do nothing if it is this assignment that a caller means.

    Args:
        held: the VM's assignment.
        given: the generation that the caller names; None from one who knows of none.

    Raises:
        Refused: when it may be another one.
    """
    if given is not None and given > held.generation:
        raise Refused(
            f"The VM never had an assignment of generation {given}; it is {held.generation} now"
        )
    if given is not None and given < held.generation:
        raise Refused(
            f"The assignment of generation {given} has ended; it is {held.generation} by now"
        )
    if given is None and held.generation > 1:
        raise Refused(
            f"The VM has had {held.generation} holders; "
            "the request must say which is meant: generation"
        )


def of_operation(connection: Connection, operation: Operation) -> Assignment | None:
    """Return the assignment that an operation is about."""
    if operation.assignment_id is None:
        return None
    return get(connection, operation.assignment_id)


def _move(state: AssignmentState, **values: Any) -> Update:
    """Return the statement that brings an assignment from the state it was seen in to another."""
    return (
        update(assignments)
        .where(
            assignments.c.id == bindparam("of_assignment"),
            assignments.c.state == bindparam("seen_state"),
            assignments.c.state != AssignmentState.ENDED.value,  # only a failed stop undoes that
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
        AssignmentState.ENDED, ended_at=now(), end_reason=bindparam("why")
    ),
}


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
    values: dict[str, Any] = {
        "of_assignment": assignment.id,
        "seen_state": assignment.state,
    }
    statement = _MOVE[state]
    if state is AssignmentState.ENDED:
        values["why"] = cause.why
    elif state is AssignmentState.ACTIVE:
        values["new_result"] = result
    if not connection.execute(statement, values).rowcount:
        return False
    add_event(connection, assignment, state, cause)
    return True


def add_event(
    connection: Connection, assignment: Assignment, state: AssignmentState, cause: Cause
) -> None:
    """Write into an assignment's history."""
    by = cause.requester
    row = {
        "assignment_id": assignment.id,
        "state": state.value,
        "caller": by.caller if by else None,
        "request_id": by.request_id if by else None,
        "operation_id": cause.operation_id,
        "why": cause.why,
    }
    connection.execute(_TELL, row)


_TELL: Final = assignment_events.insert().values(at=now())


def get(connection: Connection, assignment_id: str) -> Assignment | None:
    """Return one assignment."""
    row = connection.execute(select(assignments).where(assignments.c.id == assignment_id)).first()
    return None if row is None else Assignment(**row._asdict())
