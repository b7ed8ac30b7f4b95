"""Checks that a hostname means one VM, for backends that identify VMs by hostname alone.

Such a backend cannot distinguish two VMs with one hostname. An assignment, its status or its
release may affect the other VM. Hostnames are compared without regard to upper and lower case,
because the backend's own database may do so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.living import is_living
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.model import CloudDescription, Node, Vm
from orchestrator_core.refusals import AlreadyAssigned, AmbiguousHostname

_log = structlog.get_logger(__name__)

_SHOWN: Final = 5
"""The largest number of namesakes that a message names."""


def fold(hostname: str | None) -> str:
    """Return a hostname in the form used for comparison; empty without a hostname."""
    return (hostname or "").casefold()


class Namesakes:
    """A check that refuses changes of VMs that a backend cannot distinguish from others.

    Args:
        registry: The configured clouds and backends.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def check_assign(self, backend: Backend, cloud: Cloud, vm: Vm) -> None:
        """Check that no other living VM of the backend's clouds has this VM's hostname.

        If a cloud cannot list its VMs, the VMs that the backend lists for it count.

        Raises:
            Refused: Another VM has the hostname (the message names both), or the VM has none.
            CloudError: The backend cannot list its VMs.
        """
        if not backend.by_hostname:
            return
        _check_named(backend, vm)
        deadline = Deadline(backend.guard.seconds("resolve_vm"))
        clouds = self._clouds_of(backend)
        listings = await asyncio.gather(*(_nodes(one, deadline) for one in clouds))
        sought = _Sought(vm, listings[clouds.index(cloud)], cloud.name)
        found: list[str] = []
        for one, listing in zip(clouds, listings, strict=True):
            found += sought.among_recorded(listing, one.name, await _records(backend, one))
            found += sought.among_nodes(listing)
        _refuse(backend, sought, found, "assigned")

    async def check_release(self, backend: Backend, cloud: Cloud, vm: Vm) -> None:
        """Check that the backend knows no other living VM with this VM's hostname.

        A VM that the backend does not know cannot be released in place of this one.

        Raises:
            Refused: The backend knows another such VM (the message names both), or the VM has no
                hostname.
            CloudError: The backend cannot list its VMs.
        """
        if not backend.by_hostname:
            return
        _check_named(backend, vm)
        deadline = Deadline(backend.guard.seconds("resolve_vm"))
        sought = _Sought(vm, None, cloud.name)
        found: list[str] = []
        for one in self._clouds_of(backend):
            known = sought.like_it(one.name, await _records(backend, one))
            if not known:
                continue
            if sought.own is None:
                sought = _Sought(vm, await _nodes(cloud, deadline), cloud.name)
            listing = sought.own if one is cloud else await _nodes(one, deadline)
            found += sought.among_recorded(listing, one.name, known)
        _refuse(backend, sought, found, "released")

    async def check_rename(self, cloud: Cloud, node_id: str, name: str) -> None:
        """Check that a VM can be renamed although its backend may know it by its hostname.

        Raises:
            AlreadyAssigned: The backend identifies VMs by hostname alone, and the VM is assigned.
            AmbiguousHostname: The same, and another assigned VM has the new name.
            CloudError: The backend cannot list its VMs.
        """
        backend = self.backend_by_hostname(cloud.name)
        if backend is None:
            return
        renamed = VmKey(cloud.name, node_id, name)
        for one in self._clouds_of(backend):
            for vm in await _records(backend, one):
                if vm.user:
                    refuse_if_held(renamed, backend.name, VmKey(one.name, vm.id_vm, vm.hostname))

    def backend_by_hostname(self, cloud: str) -> Backend | None:
        """Return the backend of a cloud if it identifies VMs by hostname alone; else None."""
        name = self._registry.clouds[cloud].settings.assignment
        backend = None if name is None else self._registry.backends.get(name)
        return backend if backend is not None and backend.by_hostname else None

    def _clouds_of(self, backend: Backend) -> list[Cloud]:
        clouds = self._registry.clouds.values()
        return [cloud for cloud in clouds if cloud.settings.assignment == backend.name]


def refuse_if_held(renamed: VmKey, backend: str, held: VmKey) -> None:
    """Refuse to rename a VM if the assigned VM is the same, or has the new name.

    Args:
        renamed: The VM with its new name.
        backend: The name of the backend, which knows VMs by hostname only.
        held: A VM that is assigned.

    Raises:
        AlreadyAssigned: It is the same VM.
        AmbiguousHostname: It is another VM, which has the new name.
    """
    who = f"Node {renamed.node_id} of cloud {renamed.cloud} cannot be renamed"
    why = f"backend {backend} knows VMs by hostname only"
    if (held.cloud, held.node_id) == (renamed.cloud, renamed.node_id):
        raise AlreadyAssigned(f"{who}: it is assigned, and {why}; release it first")
    if fold(held.name) == fold(renamed.name):
        raise AmbiguousHostname(
            f"{who}: the assigned node {held.node_id} of cloud {held.cloud} has the name "
            f"{renamed.name!r}, and {why}; choose another name"
        )


@dataclass(frozen=True, slots=True)
class _Listing:
    """The nodes of one cloud, and the description that shows if two clouds are one account."""

    cloud: str
    description: CloudDescription
    nodes: Sequence[Node]


@dataclass(frozen=True, slots=True)
class _Sought:
    """The VM whose namesakes are sought, and the listing of its cloud if there is one."""

    vm: Vm
    own: _Listing | None
    cloud: str

    def like_it(self, cloud: str, vms: Sequence[Vm]) -> list[Vm]:
        """Return a backend's records of other VMs in a cloud that have the VM's hostname."""
        return [vm for vm in vms if self._is_like(cloud, vm.id_vm, vm.hostname)]

    def among_recorded(self, listing: _Listing | None, cloud: str, vms: Sequence[Vm]) -> list[str]:
        """Return the namesakes among the backend's records of a cloud, as texts for a message.

        If there is a listing of the cloud, only living VMs count.
        """
        same = self.like_it(cloud, vms)
        if listing is None:
            return [_words(cloud, vm.id_vm) for vm in same]
        ids = {vm.id_vm for vm in same}
        nodes = [node for node in listing.nodes if node.id in ids]
        return [_words(cloud, node.id) for node in nodes if self._is_another(listing, node)]

    def among_nodes(self, listing: _Listing | None) -> list[str]:
        """Return the namesakes among the nodes of a cloud, as texts for a message."""
        if listing is None:
            return []
        same = [node for node in listing.nodes if self._is_like(listing.cloud, node.id, node.name)]
        return [_words(listing.cloud, node.id) for node in same if self._is_another(listing, node)]

    def _is_like(self, cloud: str, node_id: str, hostname: str) -> bool:
        is_it = (cloud, node_id) == (self.cloud, self.vm.id_vm)
        return not is_it and fold(hostname) == fold(self.vm.hostname)

    def _is_another(self, listing: _Listing, node: Node) -> bool:
        """Return whether a node is living and is not the VM itself under another cloud's name.

        Two sections of the settings may name the same account. In that case, two nodes with equal
        ids are one VM if they have the same provider and address, or the same marker.
        """
        if not is_living(node):
            return False
        own = self.own
        if own is None or own is listing or node.id != self.vm.id_vm:
            return True
        itself = next((one for one in own.nodes if one.id == node.id), None)
        if itself is None:
            return True
        if itself.marker and itself.marker == node.marker:
            return False
        here, there = own.description, listing.description
        return here.host is None or (here.provider, here.host) != (there.provider, there.host)


async def _nodes(cloud: Cloud, deadline: Deadline) -> _Listing | None:
    """Return the nodes that a cloud lists now; None if it cannot list them."""
    try:
        if await cloud.reason_against("list_nodes") is not None:
            return None
        description, nodes = await asyncio.wait_for(cloud.list_all(), deadline.remaining())
    except TimeoutError:
        why = "the list took too long"
    except OrchestratorError as error:
        why = error.message
    else:
        return _Listing(cloud.name, description, nodes)
    _log.warning("namesakes searched without the cloud's list", cloud=cloud.name, why=why)
    return None


async def _records(backend: Backend, cloud: Cloud) -> Sequence[Vm]:
    return await backend.list_vms(cloud.name, _as_listed)


def _as_listed(vms: Sequence[Vm]) -> tuple[Vm, ...]:
    return tuple(vms)


def _check_named(backend: Backend, vm: Vm) -> None:
    if not vm.hostname:
        raise AmbiguousHostname(
            f"Node {vm.id_vm} has no hostname, and backend {backend.name} knows VMs by "
            "hostname only"
        )


def _refuse(backend: Backend, sought: _Sought, found: Sequence[str], change: str) -> None:
    if not found:
        return
    others = sorted(set(found))
    names = ", ".join(others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    vm = sought.vm
    raise AmbiguousHostname(
        f"Node {vm.id_vm} of cloud {sought.cloud} cannot be {change}: its hostname "
        f"{vm.hostname!r} is also that of {names}{more}, and backend {backend.name} knows VMs by "
        "hostname only; rename or destroy all but one of them"
    )


def _words(cloud: str, node_id: str) -> str:
    return f"node {node_id} of cloud {cloud}"
