"""Assignments of the ledger by hostname, for backends that know VMs by hostname alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, select

from orchestrator_core.broker.ledger.namesakes import fold
from orchestrator_core.broker.states import AssignmentState
from orchestrator_core.errors import Refused
from orchestrator_core.model import Vm, VmStatus
from orchestrator_core.state.tables import assignments

T = TypeVar("T")

_HELD: Final = select(
    assignments.c.cloud,
    assignments.c.node_id,
    assignments.c.hostname,
    assignments.c.user,
    assignments.c.vm_type,
    assignments.c.state,
).where(assignments.c.ended_at.is_(None))


@dataclass(frozen=True, slots=True)
class Holding:
    """One assignment that has not ended; ``hostname`` folded."""

    cloud: str
    node_id: str
    hostname: str
    user: str
    vm_type: str
    state: str


def holdings(connection: Connection, backend: str) -> tuple[Holding, ...]:
    """Return what the ledger has assigned through a backend, of all its clouds."""
    rows = connection.execute(_HELD.where(assignments.c.backend == backend))
    return tuple(_holding(row) for row in rows)


def _holding(row: Any) -> Holding:
    return Holding(row.cloud, row.node_id, fold(row.hostname), row.user, row.vm_type, row.state)


def check_unheld(connection: Connection, backend: str, cloud: str, vm: Vm) -> None:
    """Return unless the ledger has assigned a namesake of a VM that it has not assigned itself.

    The backend would take the VM of that assignment for this one.

    Raises:
        Refused: when it has; it names both.
    """
    for held in holdings(connection, backend):
        is_other = (held.cloud, held.node_id) != (cloud, vm.id_vm)
        if is_other and held.hostname == fold(vm.hostname):
            raise Refused(
                f"Node {vm.id_vm} of cloud {cloud} is not assigned: the assignment of "
                f"{vm.hostname!r} is of node {held.node_id} of cloud {held.cloud}"
            )


@dataclass(frozen=True, slots=True)
class ToldApart(Generic[T]):
    """Shapes a backend's records of a cloud with each user only at the VM that has been assigned.

    A backend that looks a VM up by its hostname may show one assignment for every VM of that name.
    A record that shows the user of a namesake gets no user and status faulty: whether that VM is
    free cannot be known.

    Attributes:
        cloud: of the records.
        held: what the ledger has assigned through the backend.
        shape: what is made of the records then.
    """

    cloud: str
    held: tuple[Holding, ...]
    shape: Callable[[Sequence[Vm]], T]

    def __call__(self, vms: Sequence[Vm]) -> T:
        """Return what is made of the records."""
        names = {one.hostname for one in self.held if one.hostname}
        if not names:
            return self.shape(vms)
        listed = Counter(fold(vm.hostname) for vm in vms)
        return self.shape(
            [self._told(vm, listed) if fold(vm.hostname) in names else vm for vm in vms]
        )

    def _told(self, vm: Vm, listed: Counter[str]) -> Vm:
        name = fold(vm.hostname)
        same = [one for one in self.held if one.hostname == name]
        own = next(
            (one for one in same if (one.cloud, one.node_id) == (self.cloud, vm.id_vm)), None
        )
        if own is None:
            is_anothers = vm.user and any(one.user == vm.user for one in same)
            return _with(vm, "", "", VmStatus.FAULTY) if is_anothers else vm
        has_namesake = listed[name] > 1 or len(same) > 1
        if has_namesake and own.state == AssignmentState.ACTIVE:
            return _with(vm, own.user, own.vm_type, VmStatus.ASSIGNED)
        return vm


def _with(vm: Vm, user: str, vm_type: str, status: VmStatus) -> Vm:
    recipe_id = vm.recipe_id if vm.user == user else None
    return replace(
        vm,
        user=user,
        recipe=vm_type,
        recipe_id=recipe_id,
        status=status.value,
        status_desc=status.name,
    )
