"""Assignments of the ledger by hostname, for backends that identify VMs by hostname alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, select

from orchestrator_core.broker.ledger.namesakes import fold
from orchestrator_core.broker.states import AssignmentState
from orchestrator_core.model import Vm, VmStatus
from orchestrator_core.refusals import NotAssigned
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
    """An assignment that has not ended; ``hostname`` is case-folded."""

    cloud: str
    node_id: str
    hostname: str
    user: str
    vm_type: str
    state: str


def holdings(connection: Connection, backend: str) -> tuple[Holding, ...]:
    """Return the assignments that the ledger made through a backend, in all its clouds."""
    rows = connection.execute(_HELD.where(assignments.c.backend == backend))
    return tuple(_holding(row) for row in rows)


def _holding(row: Any) -> Holding:
    return Holding(row.cloud, row.node_id, fold(row.hostname), row.user, row.vm_type, row.state)


def check_unheld(connection: Connection, backend: str, cloud: str, vm: Vm) -> None:
    """Check that the ledger has not assigned another VM with this VM's hostname.

    The backend would confuse the assigned VM with this one.

    Raises:
        Refused: The ledger has assigned such a VM; the message names both.
    """
    for held in holdings(connection, backend):
        is_other = (held.cloud, held.node_id) != (cloud, vm.id_vm)
        if is_other and held.hostname == fold(vm.hostname):
            raise NotAssigned(
                f"Node {vm.id_vm} of cloud {cloud} is not assigned; the assigned VM named "
                f"{vm.hostname!r} is node {held.node_id} of cloud {held.cloud}"
            )


@dataclass(frozen=True, slots=True)
class NamesakeFilter(Generic[T]):
    """A filter of a backend's records that shows each user only at the VM that is assigned to them.

    A backend that looks a VM up by its hostname may show one assignment for every VM of that name.
    A record that shows the user of a namesake loses the user and becomes faulty, because it cannot
    be known whether that VM is free.

    Attributes:
        cloud: The cloud of the records.
        held: The assignments that the ledger made through the backend.
        shape: The function that turns the filtered records into the result.
    """

    cloud: str
    held: tuple[Holding, ...]
    shape: Callable[[Sequence[Vm]], T]

    def __call__(self, vms: Sequence[Vm]) -> T:
        """Filter the records; return the result of ``shape``."""
        names = {one.hostname for one in self.held if one.hostname}
        if not names:
            return self.shape(vms)
        listed = Counter(fold(vm.hostname) for vm in vms)
        return self.shape(
            [self._own_record(vm, listed) if fold(vm.hostname) in names else vm for vm in vms]
        )

    def _own_record(self, vm: Vm, listed: Counter[str]) -> Vm:
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
