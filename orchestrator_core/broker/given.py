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
    Vm,
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
        """Return every node of the cloud, and what the ledger says of it."""
        nodes = self._inventory.list_nodes(cloud, deadline)
        known = self._inventory.ledger(cloud)
        return [_with_name(known.get(node.id) or _free(cloud, node), node) for node in nodes]

    @hookimpl
    def resolve_vm(
        self, cloud: str, node: str | None, hostname: str | None, deadline: Deadline
    ) -> Vm:
        """Return the VM as its cloud has it now."""
        if hostname is None:
            assert node is not None
            return _free(cloud, self._inventory.get_node(cloud, node, deadline))
        named = self._inventory.node_named(cloud, hostname, deadline)
        if node is not None and named.id != node:
            raise InvalidParameter(
                "hostname", f"{hostname!r} is node {named.id}, but node is {node!r}"
            )
        return _free(cloud, named)

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        """Allow it: that nobody else holds the VM is the ledger's to say."""
        node_id = request.vm.id_vm
        return AssignmentResult(0, node_id, f"Node {node_id} assigned")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        """Allow it."""
        return AssignmentResult(0, vm.id_vm, f"Node {vm.id_vm} released")


def _free(cloud: str, node: Node) -> Vm:
    return Vm(id=0, id_vm=node.id, hostname=node.name, cloud=cloud)


def _with_name(vm: Vm, node: Node) -> Vm:
    """The ledger knows no name of a VM that it was told of by its id alone."""
    return vm if vm.hostname else replace(vm, hostname=node.name)
