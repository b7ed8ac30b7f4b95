"""The broker that records nothing, for a server without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from orchestrator_core.broker.base import Broker
from orchestrator_core.broker.changes import absence, steps, usable
from orchestrator_core.broker.changes.readiness import Goal
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.ledger.ownership import check_can_destroy
from orchestrator_core.broker.operations.change import (
    NO_ARGUMENTS,
    Acted,
    Assigned,
    AssignOrder,
    Change,
    Made,
    Started,
    VmReference,
)
from orchestrator_core.broker.operations.kinds import KINDS, STOP
from orchestrator_core.broker.operations.start_order import StartOrder, WaitFor
from orchestrator_core.clouds.backend import Shape
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CloudError,
    CloudTimeout,
    InvalidParameter,
    NodeNotFound,
    OrchestratorError,
    ReleasedNotDestroyed,
    Unsupported,
)
from orchestrator_core.model import AssignmentResult, AssignRequest, Node

T = TypeVar("T")

_FIRST_CHECK: Final = 0.25
_LONGEST_CHECK_DELAY: Final = 5.0
"""Seconds between the checks of a resize that the cloud has accepted."""

_NO_STATE = "needs a database, but the settings have no [state] section"


class DirectBroker(Broker):
    """A broker that passes each change directly to the cloud or to the backend.

    Args:
        registry: The configured clouds and backends.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._registry = registry
        self._namesakes = Namesakes(registry)

    async def start_vm(self, change: Change, order: StartOrder) -> Started:
        """Start a VM."""
        _refuse_what_needs_state(change)
        cloud = change.cloud
        deadline = Deadline(cloud.guard.seconds("start_vm"))
        step = steps.start(cloud, order, change.permit)
        try:
            description, node = await change.cloud.change(
                "start_vm", step, change.permit, change.hints
            )
        except OrchestratorError as error:
            if error.nothing_done is False:
                # Without a recorded operation, nothing searches for the VM later.
                error.message += "; something was made before the refusal, which may still run"
            raise
        if order.wait_for is WaitFor.ACCEPTED:
            return Started(description, node)
        goal = Goal(order.wait_for, public=order.wants_public_ip)
        shown = await self.readiness.wait(cloud, node, goal, deadline)
        shown = replace(shown, secrets=node.secrets)
        return Started(description, shown, reached=goal.reached(shown).value)

    async def act(
        self,
        change: Change,
        operation: str,
        vm: VmReference,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
    ) -> Made:
        """Change a VM with the hook of that name.

        Raises:
            Refused: The operation is a stop in a cloud with ``destroy = "own"``. Without a
                database, no VM is known as the installation's own.
        """
        _refuse_what_needs_state(change)
        cloud = change.cloud

        if operation == "stop_vm":
            return await self._destroy(change, vm)
        if operation == "rename_vm":
            vm = await self._rename_allowed(cloud, vm, arguments["name"])
        step = steps.act(cloud, KINDS[operation], vm, change.permit, arguments)
        made = await cloud.change(operation, step, change.permit, change.hints)
        if operation == "resize_vm":
            await self._finish_resize(change, made.node_id, arguments["size"])
        return made

    async def _destroy(self, change: Change, vm: VmReference) -> Acted:
        cloud = change.cloud

        def examine(_node: Node) -> None:
            check_can_destroy(self._registry, cloud)

        step = steps.destroy(vm, change.permit, examine)
        try:
            node_id = await cloud.change("stop_vm", step, change.permit, change.hints)
            return Acted(node_id, STOP.done)
        except NodeNotFound as error:
            if vm.node is not None:
                await absence.check(cloud, error, vm.node)
            raise

    async def _rename_allowed(self, cloud: Cloud, vm: VmReference, name: str) -> VmReference:
        """Return the VM by its id, if it can be renamed."""
        node_id = await steps.resolve(cloud, vm)
        await self._namesakes.check_rename(cloud, node_id, name)
        return VmReference(node_id)

    async def _finish_resize(self, change: Change, node_id: str, size: str) -> None:
        """Wait until a resize that the cloud has accepted is complete, and confirm it.

        Without a database, nothing could confirm it after the request.

        Raises:
            CloudTimeout: The resize is not complete by the deadline of the request.
        """
        cloud = change.cloud
        if await cloud.reason_against("confirm_resize") is not None:
            return
        deadline = Deadline(cloud.guard.seconds("resize_vm"))
        delay = _FIRST_CHECK
        while True:
            step = steps.confirm_resize(node_id, size, Permit())
            if await cloud.change("confirm_resize", step, Permit(), change.hints):
                return
            if deadline.remaining() <= delay:
                raise CloudTimeout(
                    f"Cloud {cloud.name} has accepted to resize node {node_id} and has not "
                    "finished; without [state], this server does not confirm the resize later: "
                    "confirm it in the cloud's own console"
                )
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_CHECK_DELAY)

    async def assign_vm(self, change: Change, order: AssignOrder) -> Assigned:
        """Assign a VM to a user through its backend."""
        _refuse_what_needs_state(change)
        if order.lease is not None:
            raise InvalidParameter("lease", _NO_STATE)
        cloud = change.cloud
        backend = self._registry.backend(cloud)
        found = await backend.resolve_vm(cloud.name, order.vm.node, order.vm.hostname)
        await usable.check_shown(cloud, found)
        await self._namesakes.check_assign(backend, cloud, found)
        wanted = AssignRequest(cloud.name, found, order.user, order.vm_type)
        return Assigned(await backend.assign_vm(wanted, change.permit))

    async def release_vm(
        self, change: Change, vm: VmReference, generation: int | None = None
    ) -> Assigned:
        """Release a VM through its backend, then destroy it.

        Raises:
            Refused: The cloud has ``destroy = "own"``, and without a database no VM is known as
                the installation's own. The VM was not released.
            ReleasedNotDestroyed: The VM was released but still exists; the error names the VM.
        """
        _refuse_what_needs_state(change)
        if generation is not None:
            raise InvalidParameter("generation", _NO_STATE)
        cloud = change.cloud
        backend = self._registry.backend(cloud)
        reason = await cloud.reason_against("stop_vm")
        if reason is not None:
            raise Unsupported(f"Cloud {cloud.name} does not support stop_vm: {reason}")
        check_can_destroy(self._registry, cloud)
        found = await backend.resolve_vm(cloud.name, vm.node, vm.hostname)
        await self._namesakes.check_release(backend, cloud, found)
        released = await backend.release_vm(cloud.name, found, change.permit)
        permit = Permit()
        try:
            step = steps.destroy(VmReference(found.id_vm), permit)
            await cloud.change("stop_vm", step, permit)
        except NodeNotFound as error:
            await self._was_gone(cloud, found.id_vm, error)
        except OrchestratorError as error:
            raise ReleasedNotDestroyed(cloud.name, found.id_vm, error) from error
        return Assigned(
            AssignmentResult(released.id, released.id_vm, f"{released.result} and deleted")
        )

    async def list_vms(self, cloud: Cloud, shape: Shape[T]) -> T:
        """List the VMs of a cloud as its backend shows them."""
        return await self._registry.backend(cloud).list_vms(cloud.name, shape)

    @staticmethod
    async def _was_gone(cloud: Cloud, node_id: str, error: NodeNotFound) -> None:
        """Check that a VM that the cloud did not find is really gone.

        Raises:
            ReleasedNotDestroyed: The cloud's list shows the VM, or the cloud cannot list its VMs.
        """
        try:
            await absence.check(cloud, error, node_id)
        except CloudError as failed:
            raise ReleasedNotDestroyed(cloud.name, node_id, failed) from failed

    async def renew_vm(
        self, change: Change, vm: VmReference, lease: float, generation: int | None = None
    ) -> Assigned:
        """Refuse a renewal: there are no leases without a database.

        Raises:
            InvalidParameter: Always raised.
        """
        _refuse_what_needs_state(change)
        raise InvalidParameter("lease", _NO_STATE)


def _refuse_what_needs_state(change: Change) -> None:
    """Refuse a request with a header that needs a database.

    A caller who relies on an Idempotency-Key would otherwise get two VMs for one repeated request.

    Raises:
        InvalidParameter: The request has such a header; the error names it.
    """
    if change.requester.key is not None:
        raise InvalidParameter("Idempotency-Key", _NO_STATE)
    if change.recorded is not None:
        raise InvalidParameter("Prefer", f"respond-async {_NO_STATE}")
