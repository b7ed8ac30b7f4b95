"""The default assignment backend, which assigns an existing VM to the caller that names it.

A server with ``[state]`` uses it for every cloud that names no other backend. A section
``[assignments.given]`` with ``backend = "given"`` changes its settings.

It needs only the server's own database: the core's ledger records the holder of each VM.
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
    NotUsable,
    Vm,
    VmStatus,
    hookimpl,
)


class GivenBackend:
    """Assignment backend that offers every node of a cloud as a VM."""

    external: ClassVar[bool] = False

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        self._inventory = context.inventory

    @hookimpl
    def check(self) -> None:
        """Succeed always, because the backend runs within the server."""

    @hookimpl
    def list_vms(self, cloud: str, deadline: Deadline) -> Sequence[Vm]:
        """Return every node of the cloud, with its assignment from the ledger.

        A terminated node without a holder is left out, because other clouds no longer show such a
        node. A free node in another unusable state is ``FAULTY``.
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
        """Return the VM as its cloud shows it now; ``FAULTY`` if its state is unusable.

        :raises NodeNotFound: when the node does not exist, or is terminated.
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
        """Allow the assignment of a usable VM; the ledger ensures that there is no other holder.

        :raises NotUsable: when the VM is in an unusable state; the message names the state.
        """
        node_id = request.vm.id_vm
        if request.vm.status == VmStatus.FAULTY.value:
            raise NotUsable(
                f"Node {node_id} ({request.vm.hostname}) cannot be assigned: "
                f"it is in state {request.vm.status_desc.lower()}"
            )
        return AssignmentResult(0, node_id, f"Node {node_id} assigned")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        """Allow every release."""
        return AssignmentResult(0, vm.id_vm, f"Node {vm.id_vm} released")


def _unheld(cloud: str, node: Node) -> Vm:
    """Return a VM without a holder; the description of a faulty VM is the node's state."""
    vm = Vm(id=0, id_vm=node.id, hostname=node.name, cloud=cloud)
    if not node.state.is_usable:
        vm.status, vm.status_desc = VmStatus.FAULTY.value, node.state.name
    return vm


def _shown(cloud: str, node: Node, known: Vm | None) -> Vm:
    """Return a VM as the ledger records it; ``FAULTY`` if it is free but its node is unusable.

    The ledger has no hostname for a VM that was recorded by its id alone.
    """
    vm = known or Vm(id=0, id_vm=node.id, hostname=node.name, cloud=cloud)
    vm = vm if vm.hostname else replace(vm, hostname=node.name)
    if _is_free(vm) and not node.state.is_usable:
        return replace(vm, status=VmStatus.FAULTY.value, status_desc=VmStatus.FAULTY.name)
    return vm


def _is_free(vm: Vm) -> bool:
    return vm.status == VmStatus.FREE.value
