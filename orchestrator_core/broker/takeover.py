"""Takeover of VMs that a cloud has already: they become this installation's own, and may get users.

Nothing is called in the cloud or in a backend: what is there is recorded as it is. The decision is
that about orphans (:func:`orphans.adopt`), for VMs with and without a marker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator_core.broker.changes.assign import answer_of
from orchestrator_core.broker.ledger import assignments, safety, vms
from orchestrator_core.broker.ledger.markers import read_marker
from orchestrator_core.broker.ledger.vm import Claim, VmKey, VmOrigin
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.kinds import ASSIGN
from orchestrator_core.broker.operations.operation import FINAL, Requester
from orchestrator_core.broker.orphans import orphans
from orchestrator_core.broker.states import AssignmentState, VmState
from orchestrator_core.errors import Refused
from orchestrator_core.model import AssignRequest, JsonObject, Node, Vm
from orchestrator_core.refusals import AlreadyAssigned, BeingDestroyed, Protected
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state import installation
from orchestrator_core.state.tables import operations


@dataclass(frozen=True, slots=True)
class User:
    """The user that a VM has already.

    Attributes:
        lease: seconds from now until the lease ends; None for an assignment without a lease.
        number: the backend's own number of the VM; 0 if it has none.
    """

    name: str
    application: str
    lease: float | None = None
    number: int | str = 0


@dataclass(frozen=True, slots=True)
class Target:
    """A VM to take over, as its cloud lists it.

    Attributes:
        node: the VM.
        user: its user, to be recorded; None for a VM without one.
        is_named: whether the operator named this VM, and not only all VMs of the cloud.
    """

    node: Node
    user: User | None = None
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class Takeover:
    """The takeover of VMs of one cloud.

    Attributes:
        cloud: the cloud's name.
        settings: the cloud's settings.
        backend: the name of the backend in which assignments are recorded.
        listed_at: the time by :func:`uptime` before the cloud listed its VMs.
        requester: the operator.
    """

    cloud: str
    settings: CloudSettings
    backend: str
    listed_at: float
    requester: Requester

    def take(self, connection: Connection, target: Target) -> list[str]:
        """Record one VM; return what has changed, in words; an empty list for nothing.

        Raises:
            Refused: The VM cannot be taken over, or has another user; nothing is to be written.
            AssignHeld: The database may be out of date, so nothing is assigned.
        """
        key = VmKey(self.cloud, target.node.id, target.node.name)
        changes = ["adopted"] if self._adopt(connection, key, target) else []
        if target.user is not None and self._assign(connection, key, target.user):
            changes.append(f"assigned to {target.user.name} for {target.user.application}")
        return changes

    def _adopt(self, connection: Connection, key: VmKey, target: Target) -> bool:
        row = vms.lock(connection, key.cloud, key.node_id)
        if row is not None and row.origin != VmOrigin.GIVEN:
            return False
        if row is not None:
            _check_row(row)
            _check_user(connection, key, target.user)
        marked = self._check_marker(connection, key, target)
        if not target.is_named:
            _check_not_ignored(connection, key)
        orphans.adopt(connection, key, replace(self.requester, key=None, operation_id=None))
        vms.note_markers(connection, key.cloud, {key.node_id: marked})
        vms.note_seen(connection, key.cloud, [key.node_id])
        return True

    def _check_marker(self, connection: Connection, key: VmKey, target: Target) -> str | None:
        """Return the operation of this installation that has started a VM; None if none has.

        Raises:
            Refused: The VM belongs to a start that has not ended, to another section of the
                settings, or to another installation that the operator may not have thought of.
        """
        marker = read_marker(target.node.marker or "")
        if marker is None:
            return None
        started_by, operation_id = marker
        if started_by != installation.read(connection).id:
            if not target.is_named:
                raise Refused(
                    f"it has the marker of another installation, {started_by}; name the VM to "
                    "take it over all the same"
                )
            return None
        state = select(operations.c.state).where(operations.c.id == operation_id)
        its = connection.execute(state).scalar_one_or_none()
        if its is not None and its not in FINAL:
            raise Refused(f"it is being started by operation {operation_id}; try again later")
        if vms.is_owned_elsewhere(connection, key, operation_id):
            raise Refused("it is recorded under another cloud of the settings, of one account")
        return operation_id

    def _assign(self, connection: Connection, key: VmKey, user: User) -> bool:
        vm = Vm(user.number, key.node_id, key.name or "", cloud=key.cloud)
        draft = ASSIGN.draft(key.cloud, self.requester, _parameters(key, user), key.node_id).named()
        result: JsonObject = {
            "id": user.number,
            "id_vm": key.node_id,
            "result": f"Node {key.node_id} assigned",
        }
        claim = Claim(
            AssignRequest(key.cloud, vm, user.name, user.application),
            self.backend,
            draft.requester,
            self.listed_at,
            AssignmentState.ACTIVE,
            result,
            user.lease,
        )
        assignment, is_new = assignments.claim(connection, claim)
        if is_new:
            if user.lease is not None:
                row = vms.get(connection, key.cloud, key.node_id)
                assert row is not None
                safety.check_may_destroy(row, self.settings)  # the end of the lease destroys it
            done = replace(draft, assignment_id=assignment.id)
            inserts.succeeded(connection, done, answer_of(assignment))
        return is_new


def _check_row(row: Row[Any]) -> None:
    if row.state != VmState.PRESENT:
        raise BeingDestroyed("it is being released or destroyed")
    if row.protected:
        raise Protected("it is protected; remove the protection first")


def _check_user(connection: Connection, key: VmKey, user: User | None) -> None:
    """Check that a VM has no user, or the one that is to be recorded.

    To adopt a VM lets its release destroy it, of which its user has to know.
    """
    held = assignments.holding(connection, key.cloud, key.node_id)
    wanted = None if user is None else (user.name, user.application)
    if held is not None and wanted != (held.user, held.vm_type):
        raise AlreadyAssigned(f"it is assigned to {held.user} for {held.vm_type}")


def _check_not_ignored(connection: Connection, key: VmKey) -> None:
    for one in orphans.find(connection, key.cloud, key.node_id):
        if one.ignored_by is not None:
            raise Refused(f"it is an orphan that {one.ignored_by} ignores; name it to adopt it")


def _parameters(key: VmKey, user: User) -> JsonObject:
    given: JsonObject = {
        "node": key.node_id,
        "hostname": key.name,
        "user": user.name,
        "vm_type": user.application,
    }
    return given if user.lease is None else {**given, "lease": user.lease}
