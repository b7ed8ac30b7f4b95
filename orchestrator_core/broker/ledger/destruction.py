"""Statements on the rows of a VM that is being destroyed; the caller provides the transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from orchestrator_core.broker.ledger import assignments, restore, safety, vms
from orchestrator_core.broker.ledger.vm import Cause, VmKey, VmOrigin
from orchestrator_core.broker.operations import attempts, updates
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.states import AssignmentState, EndReason, Step, VmState
from orchestrator_core.refusals import AlreadyAssigned
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state.clock_watch import LAG, ClockWatch


def take(
    connection: Connection, operation: Operation, cloud: CloudSettings, clock: ClockWatch
) -> None:
    """Mark an operation's VM as being destroyed, so that no caller can claim it any more."""
    assert operation.node_id is not None
    key = VmKey(operation.cloud, operation.node_id)
    vm = vms.note_and_lock(connection, key, VmOrigin.GIVEN, operation.created_at)
    _set_destroying(connection, vm, cloud, clock)


def is_ours(connection: Connection, operation: Operation) -> bool:
    """Return whether the VM is this installation's own; call this before :func:`take` marks it."""
    assert operation.node_id is not None
    return vms.is_ours(connection, VmKey(operation.cloud, operation.node_id))


def _set_destroying(
    connection: Connection, vm: Row[Any], cloud: CloudSettings, clock: ClockWatch
) -> None:
    safety.check_may_destroy(vm, cloud)
    if vm.destroy_started_at is None:
        safety.check_rate(connection, cloud, clock)
    vms.set_state(connection, vm.cloud, vm.node_id, VmState.DESTROYING)


def check_still(connection: Connection, operation: Operation) -> None:
    """Check that an operation's VM may still be destroyed.

    Raises:
        DestroyHeld: Destruction is frozen or under review.
        Refused: The VM is protected.
    """
    safety.check_no_hold(connection)
    assert operation.node_id is not None
    vm = vms.get(connection, operation.cloud, operation.node_id)
    if vm is not None:
        safety.check_protected(vm)


def write_gone(connection: Connection, operation: Operation, *, never_there: bool) -> None:
    """Record that a VM is gone, unless the VM was started only during the call to the cloud.

    Delete the row of a VM that was never seen: a start may be about to record that VM. Do so also
    if another operation has recorded that the VM is gone: a third one that ended in between has
    left a row of that id to this operation.
    """
    assert operation.node_id is not None
    vm = vms.lock(connection, operation.cloud, operation.node_id)
    started_at = operation.attempt_started_at
    assert started_at is not None
    if vm is None:
        return
    saw_it_go = _saw_it_go(connection, operation)
    if (never_there or saw_it_go) and vms.is_unknown(vm):
        if updates.steps_of_others(connection, operation):
            return  # the other operation still needs the row, and asks the cloud again
        vms.forget(connection, vm)
    elif not saw_it_go:
        since = vm.origin == VmOrigin.STARTED and vm.created_at > started_at
        another = since and not _was_accepted_late(connection, vm, operation)
        state = VmState.PRESENT if another else VmState.GONE
        vms.set_state(connection, operation.cloud, operation.node_id, state)


def _was_accepted_late(connection: Connection, vm: Row[Any], operation: Operation) -> bool:
    """Return whether the cloud has accepted the deletion of a VM whose start was recorded first.

    A start that was recorded after this operation has made another VM with the same id.
    """
    start = updates.get(connection, vm.operation_id) if vm.operation_id else None
    taken = operation.step is Step.CONFIRM
    return taken and start is not None and start.created_at < operation.created_at


def _saw_it_go(connection: Connection, operation: Operation) -> bool:
    """Return whether another operation has recorded that the VM is gone.

    A VM that now has this id is another one.
    """
    assert operation.node_id is not None
    key = VmKey(operation.cloud, operation.node_id)
    return vms.has_gone_since(connection, key, operation.created_at)


def prepare_retry(
    connection: Connection, operation: Operation, cloud: CloudSettings, clock: ClockWatch
) -> bool:
    """Check that the VM may be destroyed now, and mark it as being destroyed.

    Returns:
        False if another operation has recorded that the VM is gone.

    Raises:
        DestroyHeld: Destruction is frozen or under review.
        DestroyLimit: The cloud's limit of destroyed VMs per hour is reached.
        Refused: The VM is assigned, is protected, or is not this installation's own.
        Superseded: Another process has taken the operation over.
    """
    assert operation.node_id is not None
    updates.check_ours(connection, operation)
    key = VmKey(operation.cloud, operation.node_id)
    vm = vms.lock(connection, operation.cloud, operation.node_id)
    if _saw_it_go(connection, operation):
        return False
    if vm is None:  # the row was deleted after its keep
        vm = vms.note_and_lock(connection, key, VmOrigin.GIVEN)
    safety.check_no_hold(connection)
    held = assignments.holding(connection, operation.cloud, operation.node_id)
    if held is not None:
        raise AlreadyAssigned(f"Node {vm.node_id} is now assigned to {held.user}, and is kept")
    _set_destroying(connection, vm, cloud, clock)
    return True


def end_assignment(connection: Connection, operation: Operation, why: EndReason) -> None:
    """End a VM's assignment, if it has one."""
    assert operation.node_id is not None
    held = assignments.lock_holding(connection, operation.cloud, operation.node_id)
    if held is not None:
        assignments.move(
            connection, held, AssignmentState.ENDED, Cause(operation_id=operation.id, reason=why)
        )


def undo_destroy(connection: Connection, operation: Operation) -> None:
    """Restore a VM's state and assignment after a destroy that certainly did nothing."""
    state = keep(connection, operation)
    if state is VmState.PRESENT:
        restore.restore_assignment(connection, operation, AssignmentState.ACTIVE)
    elif state is VmState.RELEASING:
        restore.restore_assignment(connection, operation, AssignmentState.RELEASING)


def keep(connection: Connection, operation: Operation) -> VmState:
    """Drop this operation's claim on its VM; return the state that other operations leave it in."""
    assert operation.node_id is not None
    vms.lock(connection, operation.cloud, operation.node_id)
    others = updates.steps_of_others(connection, operation)
    if others - {Step.RELEASE}:
        return VmState.DESTROYING
    if others:
        vms.set_state(connection, operation.cloud, operation.node_id, VmState.RELEASING)
        return VmState.RELEASING
    vms.set_present(connection, operation.cloud, operation.node_id)
    return VmState.PRESENT


def is_young(
    connection: Connection, operation: Operation, visibility: float, clock: ClockWatch
) -> bool:
    """Return whether a VM was started so recently that its cloud may not show it yet.

    A jump of the database's clock does not make a VM older.
    """
    assert operation.node_id is not None
    vm = vms.get(connection, operation.cloud, operation.node_id)
    if vm is None or vm.origin != VmOrigin.STARTED or operation.attempt_started_at is None:
        return False
    if vm.seen_at is not None:
        return False
    age = operation.attempt_started_at - vm.created_at
    return bool(age < visibility or age - clock.gained(connection, visibility + LAG) < visibility)


def was_there(connection: Connection, operation: Operation) -> bool:
    """Return whether the VM is known to have existed: it was started, adopted, assigned or seen."""
    assert operation.node_id is not None
    vm = vms.get(connection, operation.cloud, operation.node_id)
    return vm is not None and not vms.is_unknown(vm)


def checks(connection: Connection, operation: Operation) -> int:
    """Return how many times the VM was looked up since the last destroy call to the cloud."""
    checks = 0
    for attempt in reversed(attempts.of(connection, operation.id)):
        if attempt.step != Step.CONFIRM:
            break
        checks += 1
    return checks
