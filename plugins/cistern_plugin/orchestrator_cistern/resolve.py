"""Resolver of the one VM that is meant; it refuses an ambiguous match.

Cistern assigns and releases by hostname, while the core destroys by node id. So a VM is accepted
only if no other record shares its id or its hostname.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator_core import InvalidParameter, NodeNotFound, Vm


def resolve(
    title: str, cloud: str, vms: Sequence[Vm], node: str | None, hostname: str | None
) -> Vm:
    """Return the VM with this node id, this hostname, or both.

    Args:
        title: the backend's title, for example ``Backend brain``; it starts the message if there is
            no such VM.
        cloud: the cloud of the VMs.
        vms: all VMs that Cistern knows, including faulty ones.
        node: a node id.
        hostname: a hostname, compared exactly. The check for ambiguous hostnames ignores upper and
            lower case, because Cistern's database may do so.

    Raises:
        NodeNotFound: there is no such VM.
        InvalidParameter: several VMs match; the message names them.
    """
    if node is None and hostname is None:
        raise InvalidParameter("node", "node or hostname must be given")
    by_node = None if node is None else _one_by_node(title, cloud, vms, node)
    by_hostname = None if hostname is None else _one_by_hostname(title, cloud, vms, hostname)
    if by_node and by_hostname and by_node is not by_hostname:
        raise InvalidParameter(
            "hostname", f"{hostname!r} is node {by_hostname.id_vm!r}, but node is {node!r}"
        )
    found = by_node or by_hostname
    assert found is not None
    _must_be_unmistakable(found, cloud, vms, "hostname" if by_node is None else "node")
    return found


def _one_by_node(title: str, cloud: str, vms: Sequence[Vm], node: str) -> Vm:
    found = [vm for vm in vms if vm.id_vm == node]
    if not found:
        raise NodeNotFound(f"{title} knows no node {node!r} in cloud {cloud}")
    if len(found) > 1:
        raise InvalidParameter("node", f"{node!r} fits several VMs: {_names(found)}")
    return found[0]


def _one_by_hostname(title: str, cloud: str, vms: Sequence[Vm], hostname: str) -> Vm:
    found = [vm for vm in vms if vm.hostname == hostname]
    if not found:
        raise NodeNotFound(f"{title} knows no hostname {hostname!r} in cloud {cloud}")
    if len(found) > 1:
        raise InvalidParameter("hostname", f"{hostname!r} fits several VMs: {_names(found)}")
    return found[0]


def _must_be_unmistakable(found: Vm, cloud: str, vms: Sequence[Vm], field: str) -> None:
    if not found.hostname:
        raise InvalidParameter(
            field, f"node {found.id_vm!r} has no hostname, and Cistern identifies VMs by hostname"
        )
    if found.cloud != cloud:
        raise InvalidParameter(
            field, f"node {found.id_vm!r} belongs to cloud {found.cloud!r}, not to {cloud!r}"
        )
    same = [
        vm
        for vm in vms
        if vm.id_vm == found.id_vm or vm.hostname.casefold() == found.hostname.casefold()
    ]
    if len(same) > 1:
        raise InvalidParameter(
            field,
            f"node {found.id_vm!r} ({found.hostname}) cannot be distinguished from others: "
            f"{_names(same)}",
        )


_SHOWN = 10


def _names(vms: Iterable[Vm]) -> str:
    named = [f"node {vm.id_vm!r} ({vm.hostname}, record {vm.id})" for vm in vms]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
