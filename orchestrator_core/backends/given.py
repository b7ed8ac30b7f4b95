"""The default assignment backend: it gives away VMs that are there, to whoever names one.

Settings::

    [clouds.aws]
    assignment = "given"

    [assignments.given]
    backend = "given"

It needs nothing beside the server's own database: who holds what is the core's ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from orchestrator_core import (
    AssignmentResult,
    AssignRequest,
    BackendContext,
    Deadline,
    InvalidParameter,
    Node,
    NodeNotFound,
    NodeState,
    Refused,
    Vm,
    VmStatus,
    hookimpl,
)


class GivenBackend:
    """Knows every node of a cloud as a VM that can be assigned."""

    external: ClassVar[bool] = False

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        self._inventory = context.inventory

    @hookimpl
    def check(self) -> None:
        """It is there if the server is."""

    @hookimpl
    def list_vms(self, cloud: str, deadline: Deadline) -> Sequence[Vm]:
        """Return every node of the cloud, and what the ledger says of it.

        A terminated node that nobody holds is left out: other clouds show it no longer. One in
        another state in which it cannot be assigned is faulty.
        """
        nodes = self._inventory.list_nodes(cloud, deadline)
        known = self._inventory.ledger(cloud)
        shown = ((node, known.get(node.id)) for node in nodes)
        return [
            _shown(cloud, node, vm)
            for node, vm in shown
            if node.state is not NodeState.TERMINATED or (vm is not None and not _is_free(vm))
        ]

    @hookimpl
    def resolve_vm(
        self, cloud: str, node: str | None, hostname: str | None, deadline: Deadline
    ) -> Vm:
        """Return the VM as its cloud has it now, ``FAULTY`` in a state in which nobody gets it.

        :raises NodeNotFound: when it is terminated, too: nobody can be meant by its name.
        """
        if hostname is None:
            assert node is not None
            found = self._inventory.get_node(cloud, node, deadline)
            if found.state is NodeState.TERMINATED:
                raise NodeNotFound(f"Node {found.id} ({found.name}) is terminated")
            return _unheld(cloud, found)
        named = self._inventory.node_named(cloud, hostname, deadline)
        if node is not None and named.id != node:
            raise InvalidParameter(
                "hostname", f"{hostname!r} is node {named.id}, but node is {node!r}"
            )
        return _unheld(cloud, named)

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        """Allow it, if the VM can be used: that nobody else holds it is the ledger's to say.

        :raises Refused: with the state that the VM is in.
        """
        node_id = request.vm.id_vm
        if request.vm.status == VmStatus.FAULTY.value:
            raise Refused(
                f"Node {node_id} ({request.vm.hostname}) cannot be assigned: "
                f"it is in state {request.vm.status_desc.lower()}"
            )
        return AssignmentResult(0, node_id, f"Node {node_id} assigned")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        """Allow it."""
        return AssignmentResult(0, vm.id_vm, f"Node {vm.id_vm} released")


def _unheld(cloud: str, node: Node) -> Vm:
    """Return a VM that nobody holds; a faulty one's description is its node's state."""
    vm = Vm(id=0, id_vm=node.id, hostname=node.name, cloud=cloud)
    if not node.state.is_usable:
        vm.status, vm.status_desc = VmStatus.FAULTY.value, node.state.name
    return vm


def _shown(cloud: str, node: Node, known: Vm | None) -> Vm:
    """Return a VM as the ledger has it; whether a free one can be had, its node's state tells.

    The ledger knows no name of a VM that it was told of by its id alone.
    """
    vm = known or Vm(id=0, id_vm=node.id, hostname=node.name, cloud=cloud)
    vm = vm if vm.hostname else replace(vm, hostname=node.name)
    if _is_free(vm) and not node.state.is_usable:
        return replace(vm, status=VmStatus.FAULTY.value, status_desc=VmStatus.FAULTY.name)
    return vm


def _is_free(vm: Vm) -> bool:
    return vm.status == VmStatus.FREE.value
