"""What is done in a cloud's threads, one blocking step at a time."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from orchestrator_core.broker.change import StartOrder, VmReference
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.model import CloudDescription, Node, StartRequest

_log = structlog.get_logger(__name__)


def start(
    cloud: Cloud, order: StartOrder, permit: Permit, marker: str | None = None
) -> Callable[[Driver], tuple[CloudDescription, Node]]:
    """Return the step that starts a node.

    It raises ImageNotFound and SizeNotFound before anything is created.
    """

    def step(driver: Driver) -> tuple[CloudDescription, Node]:
        driver.require("start_vm")
        description = cloud.describe(driver)
        request = StartRequest(
            name=order.name,
            image=driver.get_image(order.image),
            size=driver.get_size(order.size),
            keyname=order.keyname,
            metadata=order.metadata,
            marker=marker,
        )
        driver.deadline.check()
        permit.begin()
        node = driver.start_vm(request)
        if driver.deadline.passed:
            _log.warning("started after its deadline", cloud=cloud.name, node=node.id)
        return description, node

    return step


def act(operation: str, vm: VmReference, permit: Permit) -> Callable[[Driver], str]:
    """Return the step that destroys, reboots or switches a node, and returns its id.

    It raises NodeNotFound when there is none, and InvalidParameter when the name fits several,
    or another than the id.
    """

    def step(driver: Driver) -> str:
        driver.require(operation)
        node_id = which(driver, vm)
        driver.deadline.check()
        permit.begin()
        driver.act(operation, node_id)
        return node_id

    return step


def which(driver: Driver, vm: VmReference) -> str:
    """Return the id of the node that is meant; asks the cloud only for a name.

    Raises:
        NodeNotFound: when there is none.
        InvalidParameter: when the name fits several, or another than the id.
    """
    if vm.hostname is None:
        assert vm.node is not None
        return vm.node
    return _the_same(vm, driver.node_named(vm.hostname))


async def resolve(cloud: Cloud, vm: VmReference) -> str:
    """Return the id of the node that is meant, as :func:`which`, before anything is changed."""
    if vm.hostname is None:
        assert vm.node is not None
        return vm.node
    _, named = await cloud.find_named(vm.hostname)
    return _the_same(vm, named)


def _the_same(vm: VmReference, named: Node) -> str:
    if vm.node is not None and named.id != vm.node:
        raise InvalidParameter(
            "hostname", f"{vm.hostname!r} is node {named.id}, but node is {vm.node!r}"
        )
    return named.id
