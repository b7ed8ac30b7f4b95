"""Statements on the rows of VMs; the caller provides the transaction."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    String,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    update,
)

from orchestrator_core.broker.ledger.vm import VmKey, VmOrigin
from orchestrator_core.broker.states import VM, VmState
from orchestrator_core.refusals import BeingDestroyed
from orchestrator_core.state.clock import now
from orchestrator_core.state.insert import insert_of, insert_unless_there
from orchestrator_core.state.tables import assignments, vms

_PORTION: Final = 500

_FIND: Final = select(vms).where(
    vms.c.cloud == bindparam("of_cloud"),
    vms.c.node_id == bindparam("wanted"),
    vms.c.gone_at.is_(None),
)

_NAMED: Final = and_(
    vms.c.cloud == bindparam("of_cloud"),
    vms.c.node_id == bindparam("wanted"),
    vms.c.gone_at.is_(None),
)

_LOCK: Final = _FIND.with_for_update()


def _set_state(state: VmState, **values: Any) -> Update:
    """Return the statement that moves a VM that is not gone to a state."""
    return (
        update(vms)
        .where(
            vms.c.cloud == bindparam("of_cloud"),
            vms.c.node_id == bindparam("wanted"),
            vms.c.gone_at.is_(None),
            vms.c.state.in_([one.value for one in VM.sources(state)]),
        )
        .values(state=state.value, **values)
    )


_SET: Final = {
    VmState.PRESENT: _set_state(VmState.PRESENT, destroy_started_at=None),
    VmState.RELEASING: _set_state(VmState.RELEASING),
    VmState.DESTROYING: _set_state(
        VmState.DESTROYING, destroy_started_at=func.coalesce(vms.c.destroy_started_at, now())
    ),
    VmState.GONE: _set_state(VmState.GONE, gone_at=now()),
}


@functools.cache
def _note(dialect: str) -> Any:
    insert = insert_unless_there(dialect, vms).values(
        state=VmState.PRESENT.value, protected=False, generation=0, created_at=now()
    )
    return insert.returning(vms.c.id)


def note(
    connection: Connection, vm: VmKey, origin: VmOrigin, operation_id: str | None = None
) -> bool:
    """Insert a VM's row if it has none; return whether the row is new.

    Args:
        connection: The connection of the caller's transaction.
        vm: The VM.
        origin: The way in which the VM became known.
        operation_id: The operation that started the VM.
    """
    row = {
        "cloud": vm.cloud,
        "node_id": vm.node_id,
        "name": vm.name,
        "origin": origin.value,
        "operation_id": operation_id,
    }
    return connection.execute(_note(connection.dialect.name), row).first() is not None


_KNOWN_SINCE: Final = select(vms.c.gone_at).where(
    vms.c.cloud == bindparam("of_cloud"),
    vms.c.node_id == bindparam("wanted"),
    or_(vms.c.gone_at.is_(None), vms.c.gone_at >= bindparam("since")),
)

_LOCK_KNOWN_SINCE: Final = _KNOWN_SINCE.with_for_update()

_STARTED: Final[dict[str, ColumnElement[Any]]] = {
    "cloud": bindparam("of_cloud", type_=String),
    "node_id": bindparam("wanted", type_=Text),
    "name": bindparam("new_name", type_=Text),
    "operation_id": bindparam("of_operation", type_=String),
    "state": literal(VmState.PRESENT.value),
    "origin": literal(VmOrigin.STARTED.value),
    "protected": false(),
    "generation": literal(0),
    "created_at": now(),
}


@functools.cache
def _started(dialect: str) -> Any:
    """Return the statement for :func:`started`.

    It is one statement because another transaction could delete the row between two.
    """
    gone = _KNOWN_SINCE.where(vms.c.gone_at.is_not(None))
    values = [value.label(name) for name, value in _STARTED.items()]
    row: Any = select(*values).where(~gone.exists())
    insert = insert_of(dialect, vms).from_select(tuple(_STARTED), row)
    names = ("origin", "operation_id", "name", "created_at")
    return insert.on_conflict_do_update(
        index_elements=["cloud", "node_id"],
        index_where=vms.c.gone_at.is_(None),
        set_={name: insert.excluded[name] for name in names},
        where=vms.c.operation_id.is_(None),
    )


def started(connection: Connection, vm: VmKey, operation_id: str, since: float) -> None:
    """Record that an operation has started a VM; insert the VM's row if it has none.

    Other operations may have seen the VM, and even destroyed it, before the answer to its start
    arrived.

    Args:
        connection: The connection of the caller's transaction.
        vm: The VM.
        operation_id: The operation that started the VM.
        since: The time when the operation was recorded.
    """
    it = {"of_cloud": vm.cloud, "wanted": vm.node_id, "since": since}
    dialect = connection.dialect.name
    if dialect == "postgresql":
        # Wait for a transaction that is about to record that the VM is gone.
        connection.execute(_LOCK_KNOWN_SINCE, it).all()
    row = {**it, "new_name": vm.name, "of_operation": operation_id}
    connection.execute(_started(dialect), row)


def has_gone_since(connection: Connection, vm: VmKey, since: float | ColumnElement[float]) -> bool:
    """Return whether a VM with this id has gone at or after a time by the database's clock."""
    query = select(vms.c.id).where(
        vms.c.cloud == vm.cloud, vms.c.node_id == vm.node_id, vms.c.gone_at >= since
    )
    return connection.execute(query).first() is not None


def get(connection: Connection, cloud: str, node_id: str) -> Row[Any] | None:
    """Return the row of a VM that is not gone, or None."""
    return connection.execute(_FIND, {"of_cloud": cloud, "wanted": node_id}).first()


def lock(connection: Connection, cloud: str, node_id: str) -> Row[Any] | None:
    """Return the row of a VM that is not gone, and lock it until this transaction ends."""
    return connection.execute(_LOCK, {"of_cloud": cloud, "wanted": node_id}).first()


def note_and_lock(
    connection: Connection, vm: VmKey, origin: VmOrigin, since: float | None = None
) -> Row[Any]:
    """Insert a VM's row if it has none (:func:`note`), then lock it (:func:`lock`).

    Args:
        connection: The connection of the caller's transaction.
        vm: The VM.
        origin: The way in which the VM became known.
        since: The time when a caller named the VM; None for now.

    Raises:
        Refused: The VM has gone since then. A row that could still be locked is another VM's.
    """
    note(connection, vm, origin)
    row = lock(connection, vm.cloud, vm.node_id)
    if row is None or (since is not None and has_gone_since(connection, vm, since)):
        raise BeingDestroyed(f"Node {vm.node_id} has been destroyed")
    return row


def set_state(connection: Connection, cloud: str, node_id: str, state: VmState) -> None:
    """Record a VM's new state; change nothing for a VM that is gone."""
    connection.execute(_SET[state], {"of_cloud": cloud, "wanted": node_id})


def set_present(connection: Connection, cloud: str, node_id: str) -> None:
    """Record that no operation changes a VM any more; delete the row of a VM that was never seen.

    A caller may have named a node that the cloud does not have. No listing would ever remove the
    row of such a node.
    """
    its = {"of_cloud": cloud, "wanted": node_id}
    connection.execute(delete(vms).where(_NAMED, never_seen()), its)
    set_state(connection, cloud, node_id, VmState.PRESENT)


def never_seen() -> ColumnElement[bool]:
    """Return the condition that nothing is known of a VM except that a caller has named it."""
    return and_(
        vms.c.origin == VmOrigin.GIVEN.value,
        vms.c.generation == 0,
        vms.c.seen_at.is_(None),
        ~vms.c.protected,
    )


def is_unknown(vm: Row[Any]) -> bool:
    """Return whether nothing is known of a VM except that a caller has named it."""
    is_only_named = vm.origin == VmOrigin.GIVEN and vm.generation == 0 and vm.seen_at is None
    return is_only_named and not vm.protected


def forget(connection: Connection, vm: Row[Any]) -> None:
    """Delete a VM's row."""
    connection.execute(delete(vms).where(vms.c.id == vm.id))


NO_MARKER: Final = ""
"""The ``operation_id`` of an adopted VM that carries no marker of this installation."""


def adopt(connection: Connection, vm: VmKey, started_by: str | None) -> None:
    """Record that this installation has adopted a VM.

    Args:
        connection: The connection of the caller's transaction.
        vm: The VM.
        started_by: The operation that the VM's marker names; None if the marker was not read yet.
    """
    note(connection, vm, VmOrigin.ADOPTED, started_by)
    given = (_is(vm), vms.c.origin == VmOrigin.GIVEN.value)
    adopted = {"origin": VmOrigin.ADOPTED.value, "operation_id": started_by}
    connection.execute(update(vms).where(*given).values(adopted))


def note_markers(connection: Connection, cloud: str, started_by: Mapping[str, str | None]) -> None:
    """Record the operations that started adopted VMs, for the VMs where none is recorded yet.

    Args:
        connection: The connection of the caller's transaction.
        cloud: The cloud of the VMs.
        started_by: The operation, by node id; None for a VM that carries no marker of this
            installation.
    """
    unknown = and_(
        vms.c.cloud == cloud,
        vms.c.gone_at.is_(None),
        vms.c.origin == VmOrigin.ADOPTED.value,
        vms.c.operation_id.is_(None),
    )
    for node_id in connection.execute(select(vms.c.node_id).where(unknown)).scalars().all():
        if node_id in started_by:
            its = update(vms).where(unknown, vms.c.node_id == node_id)
            connection.execute(its.values(operation_id=started_by[node_id] or NO_MARKER))


def protect(connection: Connection, vm: VmKey, *, protected: bool) -> None:
    """Set or remove a VM's protection from being destroyed by this installation."""
    note(connection, vm, VmOrigin.GIVEN)
    connection.execute(update(vms).where(_is(vm)).values(protected=protected))


def _is(vm: VmKey) -> ColumnElement[bool]:
    return and_(vms.c.cloud == vm.cloud, vms.c.node_id == vm.node_id, vms.c.gone_at.is_(None))


def ever(connection: Connection, vm: VmKey) -> list[Row[Any]]:
    """Return the rows of all VMs with this id, including those that are gone."""
    query = select(vms).where(vms.c.cloud == vm.cloud, vms.c.node_id == vm.node_id)
    return list(connection.execute(query))


def is_owned(vm: Row[Any]) -> bool:
    """Return whether a VM is not gone, and more is known of it than that a caller has named it.

    It was started or adopted, a user has held it, or it is being released or destroyed.
    """
    only_named = vm.origin == VmOrigin.GIVEN and vm.generation == 0 and vm.state == VmState.PRESENT
    return vm.gone_at is None and not only_named


def is_ours(connection: Connection, vm: VmKey) -> bool:
    """Return what :func:`is_owned` says of the row of a VM; False if there is none."""
    row = get(connection, vm.cloud, vm.node_id)
    return row is not None and is_owned(row)


def is_owned_elsewhere(connection: Connection, vm: VmKey, operation_id: str) -> bool:
    """Return whether this VM is recorded under another cloud, which must be the same account.

    Args:
        connection: The connection of the caller's transaction.
        vm: The VM.
        operation_id: The operation that started the VM.
    """
    # A VM that was adopted before an orphan scan read its marker may be this VM.
    adopted = and_(vms.c.origin == VmOrigin.ADOPTED.value, vms.c.operation_id.is_(None))
    ours = or_(vms.c.operation_id == operation_id, adopted)
    query = select(vms.c.id).where(
        vms.c.node_id == vm.node_id, vms.c.cloud != vm.cloud, vms.c.gone_at.is_(None), ours
    )
    return connection.execute(query).first() is not None


def of_operation(connection: Connection, node_id: str, operation_id: str) -> list[Row[Any]]:
    """Return the rows, in all clouds, of a VM that an operation has started."""
    query = select(vms).where(vms.c.node_id == node_id, vms.c.operation_id == operation_id)
    return list(connection.execute(query))


def note_terminated(
    connection: Connection, cloud: str, node_ids: Sequence[str], before: float
) -> None:
    """Record that VMs are gone which their cloud lists as terminated and which are not assigned.

    An assigned VM keeps its state; its holder or an operator releases it. A VM whose row was made
    after the listing began is skipped, because it may be another VM with the same id.

    Args:
        connection: The connection of the caller's transaction.
        cloud: The cloud of the VMs.
        node_ids: The VMs that a complete listing shows as terminated.
        before: The time when that listing began, by the database's clock.
    """
    held = select(assignments.c.id).where(
        assignments.c.vm_id == vms.c.id, assignments.c.ended_at.is_(None)
    )
    for at in range(0, len(node_ids), _PORTION):
        connection.execute(
            update(vms)
            .where(vms.c.cloud == cloud, vms.c.gone_at.is_(None), vms.c.created_at < before)
            .where(vms.c.state == VmState.PRESENT.value, ~held.exists())
            .where(vms.c.node_id.in_(node_ids[at : at + _PORTION]))
            .values(state=VmState.GONE.value, gone_at=now())
        )


def note_seen(connection: Connection, cloud: str, node_ids: Sequence[str]) -> None:
    """Record the time at which a cloud listed VMs."""
    for at in range(0, len(node_ids), _PORTION):
        connection.execute(
            update(vms)
            .where(vms.c.cloud == cloud, vms.c.gone_at.is_(None))
            .where(vms.c.node_id.in_(node_ids[at : at + _PORTION]))
            .values(seen_at=now())
        )
