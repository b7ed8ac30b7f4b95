"""Every change of a VM goes through here, in the order that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator_core.broker.under_way import UnderWay
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS, Driver
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import (
    InvalidParameter,
    NodeNotFound,
    OrchestratorError,
    ReleasedNotDestroyed,
    Unsupported,
)
from orchestrator_core.model import (
    AssignmentResult,
    AssignRequest,
    CloudDescription,
    JsonObject,
    Node,
    StartRequest,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What a caller wants started; image and size by their ids."""

    name: str
    image: str
    size: str
    keyname: str | None = None
    metadata: JsonObject | None = None


POWER: Final[Mapping[str, str]] = MappingProxyType(
    {"reboot_vm": "rebooted", "power_on_vm": "powered on", "power_off_vm": "powered off"}
)
"""Hooks that change a node and leave it there, and what has become of it then."""


@dataclass(frozen=True, slots=True)
class VmReference:
    """The VM that a caller means, by the cloud's id of it, by its name or by both."""

    node: str | None = None
    hostname: str | None = None


class Broker:
    """Starts, stops, assigns and releases.

    Every method takes the permit of :meth:`UnderWay.run`, and asks it just before the first
    step that changes anything.

    Args:
        registry: the configured clouds and backends.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.under_way = UnderWay()

    async def start_vm(
        self, cloud: Cloud, order: StartOrder, permit: Permit, hints: Mapping[str, str] = NO_HINTS
    ) -> tuple[CloudDescription, Node]:
        """Start a node; return it as its cloud named it.

        Raises:
            ImageNotFound, SizeNotFound: before anything is created.
        """

        def job(driver: Driver) -> tuple[CloudDescription, Node]:
            driver.require("start_vm")
            description = cloud.describe(driver)
            request = StartRequest(
                name=order.name,
                image=driver.get_image(order.image),
                size=driver.get_size(order.size),
                keyname=order.keyname,
                metadata=order.metadata,
            )
            driver.deadline.check()
            permit.begin()
            node = driver.start_vm(request)
            if driver.deadline.passed:
                _log.warning("started after its deadline", cloud=cloud.name, node=node.id)
            return description, node

        return await cloud.change("start_vm", job, permit, hints)

    async def act(
        self,
        operation: str,
        cloud: Cloud,
        vm: VmReference,
        permit: Permit,
        hints: Mapping[str, str] = NO_HINTS,
    ) -> str:
        """Destroy, reboot or switch a node; return its id.

        ``operation`` is ``stop_vm`` or one of :data:`POWER`.

        Raises:
            NodeNotFound: when there is none.
            InvalidParameter: when the name fits several, or another than the id.
        """

        def job(driver: Driver) -> str:
            driver.require(operation)
            node_id = _node_id(driver, vm)
            driver.deadline.check()
            permit.begin()
            driver.act(operation, node_id)
            return node_id

        return await cloud.change(operation, job, permit, hints)

    async def assign_vm(
        self, cloud: Cloud, vm: VmReference, user: str, vm_type: str, permit: Permit
    ) -> AssignmentResult:
        """Give a VM to a user and an application."""
        backend = self._registry.backend(cloud)
        found = await backend.resolve_vm(cloud.name, vm.node, vm.hostname)
        return await backend.assign_vm(AssignRequest(cloud.name, found, user, vm_type), permit)

    async def release_vm(self, cloud: Cloud, vm: VmReference, permit: Permit) -> AssignmentResult:
        """Take a VM back from its user, then destroy it.

        Raises:
            Unsupported: before the release, when the cloud cannot destroy.
            ReleasedNotDestroyed: naming the VM that is free but still there.
        """
        backend = self._registry.backend(cloud)
        reason = await cloud.reason_against("stop_vm")
        if reason is not None:
            raise Unsupported(f"Cloud {cloud.name} does not support stop_vm: {reason}")
        found = await backend.resolve_vm(cloud.name, vm.node, vm.hostname)
        released = await backend.release_vm(cloud.name, found, permit)
        try:
            await self.act("stop_vm", cloud, VmReference(found.id_vm), Permit())
        except NodeNotFound:
            pass  # it was gone already, which is what was wanted
        except OrchestratorError as error:
            raise ReleasedNotDestroyed(cloud.name, found.id_vm, error) from error
        return AssignmentResult(released.id, released.id_vm, f"{released.result} and deleted")


def _node_id(driver: Driver, vm: VmReference) -> str:
    if vm.hostname is None:
        assert vm.node is not None
        return vm.node
    named = driver.node_named(vm.hostname)
    if vm.node is not None and named.id != vm.node:
        raise InvalidParameter(
            "hostname", f"{vm.hostname!r} is node {named.id}, but node is {vm.node!r}"
        )
    return named.id
