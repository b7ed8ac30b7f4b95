"""Rows of orphans, and the decisions about them.

An orphan is a VM that carries this installation's marker and that no row of the ledger owns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, delete, select, update

from orchestrator_core.broker.ledger import assignments, vms
from orchestrator_core.broker.ledger.markers import read_marker
from orchestrator_core.broker.ledger.vm import VmKey, VmOrigin
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.kinds import ADOPT, IGNORE, STOP
from orchestrator_core.broker.operations.operation import FINAL, Requester
from orchestrator_core.broker.orphans.reasons import MEANINGS, OrphanReason
from orchestrator_core.broker.states import OperationState, VmState
from orchestrator_core.errors import NodeNotFound
from orchestrator_core.model import Node, NodeState
from orchestrator_core.refusals import AlreadyAssigned, NotOwn, Protected
from orchestrator_core.settings.model import OrphanSettings
from orchestrator_core.state.clock import now
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import operations, orphans


@dataclass(frozen=True, slots=True)
class Orphan:
    """One row of ``orphans``. Times are seconds since 1970 by the database's clock."""

    cloud: str
    node_id: str
    name: str | None
    marker: str
    operation_id: str
    reason: str
    first_seen_at: float
    last_seen_at: float
    times_seen: int
    ignored_at: float | None
    ignored_by: str | None

    @property
    def id(self) -> str:
        """The id for callers. Another VM to which the provider gives the same id has another."""
        text = f"{self.cloud}\0{self.node_id}\0{self.marker}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).hexdigest()

    @property
    def explanation(self) -> str:
        """The meaning of the reason."""
        return MEANINGS[self.reason]


def note(
    connection: Connection, cloud: str, installation: str, nodes: Sequence[Node]
) -> list[Orphan]:
    """Compare a complete listing with the rows; return the orphans that it shows.

    An empty listing changes nothing.
    """
    if not nodes:
        return []
    seen = {}
    for node in nodes:
        reason = _reason(connection, cloud, installation, node)
        if reason is not None:
            seen[node.id] = (node, reason)
    _forget_others(connection, cloud, seen)
    vms.note_markers(connection, cloud, {node.id: _operation(installation, node) for node in nodes})
    return [_see(connection, cloud, node, reason) for node, reason in seen.values()]


def _reason(
    connection: Connection, cloud: str, installation: str, node: Node
) -> OrphanReason | None:
    started_by = _operation(installation, node)
    if started_by is None or node.state is NodeState.TERMINATED:
        return None
    # Read the operation before the VM's rows: a start that has succeeded by then has written the
    # VM's row in the same transaction.
    operation = connection.execute(
        select(operations.c.state, operations.c.node_id).where(operations.c.id == started_by)
    ).first()
    key = VmKey(cloud, node.id)
    ever = vms.ever(connection, key)
    if any(vms.is_owned(vm) for vm in ever) or vms.is_owned_elsewhere(connection, key, started_by):
        return None
    ever += vms.of_operation(connection, node.id, started_by)
    if any(vm.gone_at is not None for vm in ever):
        return OrphanReason.GONE_BEFORE
    if operation is None:
        return OrphanReason.UNKNOWN_OPERATION
    if operation.state not in FINAL:
        return None
    succeeded = operation.state == OperationState.SUCCEEDED
    return OrphanReason.SECOND_OF_ONE if succeeded else OrphanReason.OPERATION_ENDED


def _operation(installation: str, node: Node) -> str | None:
    """Return the id of the operation in a VM's marker; None if the VM has no marker of ours."""
    marker = read_marker(node.marker or "")
    return marker[1] if marker is not None and marker[0] == installation else None


def _forget_others(connection: Connection, cloud: str, seen: Mapping[str, object]) -> None:
    """Forget orphans that a non-empty listing no longer contains.

    Keep a decision to ignore an orphan while no row owns its VM, because the VM may show again.
    """
    for orphan in find(connection, cloud):
        ever = vms.ever(connection, VmKey(cloud, orphan.node_id))
        ignored = orphan.ignored_at is not None and not any(map(vms.is_owned, ever))
        if orphan.node_id not in seen and not ignored:
            forget(connection, cloud, orphan.node_id)


def forget_ignored(connection: Connection, unseen: float) -> int:
    """Delete ignored orphans that were not seen for the given seconds; return their number."""
    ignored = (orphans.c.ignored_at.is_not(None), orphans.c.last_seen_at < now() - unseen)
    return connection.execute(delete(orphans).where(*ignored)).rowcount


def _see(connection: Connection, cloud: str, node: Node, reason: OrphanReason) -> Orphan:
    marker = read_marker(node.marker or "")
    assert marker is not None
    this = (orphans.c.cloud == cloud, orphans.c.node_id == node.id)
    # A provider may reuse an id: another marker means another VM, without a decision so far.
    connection.execute(delete(orphans).where(*this, orphans.c.marker != node.marker))
    connection.execute(
        insert_unless_there(connection.dialect.name, orphans).values(
            cloud=cloud,
            node_id=node.id,
            marker=node.marker,
            operation_id=marker[1],
            reason=reason,
            first_seen_at=now(),
            last_seen_at=now(),
            times_seen=0,
        )
    )
    row = connection.execute(
        update(orphans)
        .where(*this)
        .values(
            name=node.name,
            reason=reason,
            last_seen_at=now(),
            times_seen=orphans.c.times_seen + 1,
        )
        .returning(*orphans.c)
    ).one()
    return Orphan(**row._asdict())


def find(
    connection: Connection, cloud: str | None = None, node_id: str | None = None
) -> list[Orphan]:
    """Return all orphans, or those of one cloud, or with one id."""
    query = select(orphans).order_by(orphans.c.cloud, orphans.c.node_id)
    if cloud is not None:
        query = query.where(orphans.c.cloud == cloud)
    if node_id is not None:
        query = query.where(orphans.c.node_id == node_id)
    return [Orphan(**row._asdict()) for row in connection.execute(query)]


def get(connection: Connection, orphan_id: str) -> Orphan | None:
    """Return one orphan; None if there is no such orphan, or no longer."""
    return next((one for one in find(connection) if one.id == orphan_id), None)


_STALE: Final = 3600.0
"""Seconds after which a section that no longer shows an orphan is not preferred for it."""


def once(connection: Connection, found: Sequence[Orphan]) -> list[Orphan]:
    """Return each orphan once, although several sections of the settings may show it.

    Two sections of one account, provider and region list the same VMs. A marker belongs to one
    start, so equal ids with equal markers are one VM. The VM is reported in the section whose
    operation has started it, otherwise in the section that saw it first.

    The rows of the other sections stay, so that the VM cannot be assigned there either.
    """
    return [orphan for orphan in found if _primary(connection, orphan) == orphan.cloud]


def _primary(connection: Connection, orphan: Orphan) -> str:
    """Return the cloud in whose section an orphan is reported."""
    rows = connection.execute(select(orphans).where(*_same(orphan.node_id, orphan.marker))).all()
    if len(rows) <= 1:
        return orphan.cloud
    its = select(operations.c.cloud).where(operations.c.id == orphan.operation_id)
    started_in = connection.execute(its).scalar_one_or_none()
    last = max(row.last_seen_at for row in rows)
    first = min(
        rows,
        key=lambda row: (
            row.last_seen_at < last - _STALE,
            row.cloud != started_in,
            row.first_seen_at,
            row.cloud,
        ),
    )
    cloud: str = first.cloud
    return cloud


def _same(node_id: str, marker: str) -> tuple[ColumnElement[bool], ...]:
    return orphans.c.node_id == node_id, orphans.c.marker == marker


def _markers(cloud: str, node_id: str) -> ScalarSelect[Any]:
    """Return the subquery for the marker of a section's orphan."""
    return (
        select(orphans.c.marker)
        .where(orphans.c.cloud == cloud, orphans.c.node_id == node_id)
        .scalar_subquery()
    )


def forget_everywhere(connection: Connection, cloud: str, node_id: str) -> None:
    """Delete an orphan's rows, as :func:`forget`, in every section that shows the VM."""
    marker = connection.execute(select(_markers(cloud, node_id))).scalar()
    forget(connection, cloud, node_id)
    if marker is not None:
        connection.execute(delete(orphans).where(*_same(node_id, marker)))


def forget(connection: Connection, cloud: str, node_id: str) -> None:
    """Delete an orphan's row, because the VM is owned now, or gone."""
    connection.execute(
        delete(orphans).where(orphans.c.cloud == cloud, orphans.c.node_id == node_id)
    )


def ignore(connection: Connection, key: VmKey, who: Requester) -> str:
    """Exclude an orphan from destruction and from the counts; return the operation's id.

    Raises:
        NodeNotFound: The VM is no orphan.
    """
    marker = connection.execute(select(_markers(key.cloud, key.node_id))).scalar()
    if marker is None:
        raise NodeNotFound(f"There is no orphan {key.node_id} in {key.cloud}")
    # Also in the other sections of the same account; otherwise they would report it from now on.
    ignored = update(orphans).where(*_same(key.node_id, marker))
    connection.execute(ignored.values(ignored_at=now(), ignored_by=who.caller))
    draft = IGNORE.draft(key.cloud, who, {"node": key.node_id}, key.node_id)
    return inserts.succeeded(connection, draft, {"node_id": key.node_id}).id


def adopt(connection: Connection, key: VmKey, who: Requester) -> str:
    """Make a VM, orphan or not, our own from now on; return the operation's id."""
    parameters = {"node": key.node_id}
    draft = ADOPT.draft(key.cloud, who, parameters, key.node_id)
    operation_id = inserts.succeeded(connection, draft, {"node_id": key.node_id}).id
    its = (one for one in find(connection, key.cloud) if one.node_id == key.node_id)
    vms.adopt(connection, key, next((one.operation_id for one in its), None))
    forget_everywhere(connection, key.cloud, key.node_id)
    return operation_id


def destroy(connection: Connection, key: VmKey, who: Requester) -> str:
    """Schedule the destruction of a VM by a durable worker; return the operation's id.

    The VM is adopted first.

    Raises:
        Refused: when the VM is assigned or protected, or is neither an orphan nor our own. Nothing
            is written then.
    """
    _check_destroyable(connection, key)
    # The requester's key and the named id are those of the destruction.
    adopt(connection, key, replace(who, key=None, operation_id=None))
    # No caller can claim the VM from now on. The hourly limit is checked later, by the worker.
    vms.set_state(connection, key.cloud, key.node_id, VmState.RELEASING)
    parameters = {"node": key.node_id, "hostname": None}
    return inserts.schedule(connection, STOP.draft(key.cloud, who, parameters, key.node_id))


def _check_destroyable(connection: Connection, key: VmKey) -> None:
    vm = vms.note_and_lock(connection, key, VmOrigin.GIVEN)
    held = assignments.holding(connection, key.cloud, key.node_id)
    if held is not None:
        raise AlreadyAssigned(
            f"Node {key.node_id} of {key.cloud} is assigned to {held.user} for {held.vm_type}: "
            "release or stop it instead"
        )
    if vm.protected:
        raise Protected(
            f"Node {key.node_id} of {key.cloud} is protected; remove the protection first"
        )
    is_orphan = any(one.node_id == key.node_id for one in find(connection, key.cloud))
    if vm.origin == VmOrigin.GIVEN and not is_orphan:
        raise NotOwn(
            f"Node {key.node_id} of {key.cloud} is neither an orphan nor this "
            "installation's own; adopt it first"
        )


def is_to_be_destroyed(orphan: Orphan, rule: OrphanSettings, clock: float) -> bool:
    """Return whether a rule of the settings requires the destruction of an orphan."""
    return (
        rule.destroy
        and orphan.ignored_at is None
        and orphan.reason != OrphanReason.UNKNOWN_OPERATION
        and orphan.times_seen >= rule.times
        and clock - orphan.first_seen_at >= rule.age
    )
