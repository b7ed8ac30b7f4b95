"""What is done in a cloud's threads, one blocking step at a time."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from orchestrator_core.broker.operations.change import StartOrder, VmReference
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.living import check_living
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


def act(
    operation: str,
    vm: VmReference,
    permit: Permit,
    examine: Callable[[Node], None] | None = None,
) -> Callable[[Driver], str]:
    """Return the step that destroys, reboots or switches a node, and returns its id.

    Args:
        operation: the hook.
        vm: the node that is meant.
        permit: asked just before the hook is called.
        examine: given the node as the cloud shows it just before that; it may raise.

    The step looks the node up first, so that a plugin that takes an id for another node's cannot
    change a node which nobody named. It raises NodeNotFound when there is no such node,
    NodeTerminated when the cloud shows that it has ended, and InvalidParameter when the name fits
    several nodes, or another than the id.
    """

    def step(driver: Driver) -> str:
        driver.require(operation)
        node = which(driver, vm)
        check_living(node)
        if examine is not None:
            examine(node)
        driver.deadline.check()
        permit.begin()
        driver.act(operation, node.id)
        return node.id

    return step


def which(driver: Driver, vm: VmReference) -> Node:
    """Return the node that is meant, as the cloud shows it now.

    Raises:
        NodeNotFound: when there is none.
        InvalidParameter: when the name fits several, or another than the id.
        NonsenseAnswer: when the plugin shows another node than the one asked for.
    """
    if vm.hostname is None:
        assert vm.node is not None
        return driver.look_up(vm.node)
    return _the_same(vm, driver.node_named(vm.hostname))


async def resolve(cloud: Cloud, vm: VmReference, seconds: float | None = None) -> str:
    """Return the id of the node that is meant; asks the cloud only for a name.

    Args:
        cloud: the node's.
        vm: what a caller means.
        seconds: how long the cloud may take; None for its own deadline.

    Raises:
        NodeNotFound, InvalidParameter: as :func:`which`.
    """
    if vm.hostname is None:
        assert vm.node is not None
        return vm.node
    _, named = await cloud.find_named(vm.hostname, seconds)
    return _the_same(vm, named).id


def _the_same(vm: VmReference, named: Node) -> Node:
    if vm.node is not None and named.id != vm.node:
        raise InvalidParameter(
            "hostname", f"{vm.hostname!r} is node {named.id}, but node is {vm.node!r}"
        )
    return named
