"""Every change of a VM goes through here, in the order that loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import (
    InvalidParameter,
    NodeNotFound,
    OrchestratorError,
    ReleasedNotDestroyed,
)
from orchestrator_core.model import (
    AssignmentResult,
    AssignRequest,
    CloudDescription,
    JsonObject,
    Node,
    StartRequest,
)

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What a caller wants started; image and size by their ids."""

    name: str
    image: str
    size: str
    keyname: str | None = None
    metadata: JsonObject | None = None


class Broker:
    """Starts, stops, assigns and releases.

    Args:
        registry: the configured clouds and backends.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._under_way: set[asyncio.Task[Any]] = set()

    async def drain(self) -> None:
        """Wait until every change under way has ended; the process is about to end."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _to_its_end(self, change: Coroutine[Any, Any, T]) -> T:
        """Run a change of several steps, whether or not its caller stays to see it."""
        task = asyncio.ensure_future(change)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.info("change failed", why=str(task.exception()))

    async def start_vm(self, cloud: Cloud, order: StartOrder) -> tuple[CloudDescription, Node]:
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
            node = driver.start_vm(request)
            if driver.deadline.passed:
                _log.warning("started after its deadline", cloud=cloud.name, node=node.id)
            return description, node

        return await cloud.run("start_vm", job)

    async def stop_vm(self, cloud: Cloud, node: str | None, hostname: str | None) -> str:
        """Destroy a node given by its id, its name or both; return its id.

        Raises:
            NodeNotFound: when there is none.
            InvalidParameter: when the name fits several, or another than the id.
        """

        def job(driver: Driver) -> str:
            node_id = _node_id(driver, node, hostname)
            driver.deadline.check()
            driver.act("stop_vm", node_id)
            return node_id

        return await cloud.run("stop_vm", job)

    async def assign_vm(
        self, cloud: Cloud, node: str | None, hostname: str | None, user: str, vm_type: str
    ) -> AssignmentResult:
        """Give a VM to a user and an application."""
        backend = self._registry.backend(cloud)
        vm = await backend.resolve_vm(cloud.name, node, hostname)
        return await backend.assign_vm(AssignRequest(cloud.name, vm, user, vm_type))

    async def release_vm(
        self, cloud: Cloud, node: str | None, hostname: str | None
    ) -> AssignmentResult:
        """Take a VM back from its user, then destroy it.

        Raises:
            Unsupported: before the release, when the cloud cannot destroy.
            ReleasedNotDestroyed: naming the VM that is free but still there.
        """
        backend: Backend = self._registry.backend(cloud)
        cloud.hooks.require("stop_vm")
        return await self._to_its_end(self._release(cloud, backend, node, hostname))

    async def _release(
        self, cloud: Cloud, backend: Backend, node: str | None, hostname: str | None
    ) -> AssignmentResult:
        vm = await backend.resolve_vm(cloud.name, node, hostname)
        released = await backend.release_vm(cloud.name, vm)
        try:
            await self.stop_vm(cloud, vm.id_vm, None)
        except NodeNotFound:
            pass  # it was gone already, which is what was wanted
        except OrchestratorError as error:
            raise ReleasedNotDestroyed(cloud.name, vm.id_vm, error) from error
        return AssignmentResult(released.id, released.id_vm, f"{released.result} and deleted")


def _node_id(driver: Driver, node: str | None, hostname: str | None) -> str:
    if hostname is None:
        assert node is not None
        return node
    named = driver.node_named(hostname)
    if node is not None and named.id != node:
        raise InvalidParameter("hostname", f"{hostname!r} is node {named.id}, but node is {node!r}")
    return named.id
