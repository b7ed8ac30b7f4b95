"""Blocking steps that run in a cloud's threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from orchestrator_core.broker.operations.change import NO_ARGUMENTS, VmReference
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.living import check_living
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.model import CloudDescription, Node

_log = structlog.get_logger(__name__)


def start(
    cloud: Cloud, order: StartOrder, permit: Permit, marker: str | None = None
) -> Callable[[Driver], tuple[CloudDescription, Node]]:
    """Return the step that starts a node.

    The step raises ImageNotFound, SizeNotFound and InvalidParameter for what the order names before
    anything is created.
    """

    def step(driver: Driver) -> tuple[CloudDescription, Node]:
        driver.require("start_vm")
        description = cloud.describe(driver)
        request = order.request(driver, marker)
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
    arguments: Mapping[str, Any] = NO_ARGUMENTS,
) -> Callable[[Driver], str]:
    """Return the step that destroys, reboots or switches a node, and returns the node's id.

    Args:
        operation: the hook to call.
        vm: the requested node.
        permit: the permit that is asked just before the hook is called.
        examine: a function that receives the node as the cloud shows it just before that; it may
            raise.
        arguments: the hook's own arguments, beside the node.

    The step looks the node up first, so that a plugin that confuses ids cannot change a node
    other than the requested one. It raises NodeNotFound when there is no such node, NodeTerminated
    when the cloud shows that the node has ended, and InvalidParameter when several nodes have the
    name, or when the name belongs to another node than the id.
    """

    def step(driver: Driver) -> str:
        driver.require(operation)
        node = which(driver, vm)
        check_living(node)
        if examine is not None:
            examine(node)
        driver.deadline.check()
        permit.begin()
        driver.act(operation, node.id, arguments)
        return node.id

    return step


def which(driver: Driver, vm: VmReference) -> Node:
    """Return the requested node, as the cloud shows it now.

    Raises:
        NodeNotFound: when there is no such node.
        InvalidParameter: when several nodes have the name, or the name belongs to another node
            than the id.
        InvalidAnswer: when the plugin returns another node than the requested one.
    """
    if vm.hostname is None:
        assert vm.node is not None
        return driver.look_up(vm.node)
    return _the_same(vm, driver.node_named(vm.hostname))


async def resolve(cloud: Cloud, vm: VmReference, seconds: float | None = None) -> str:
    """Return the id of the requested node; call the cloud only if a name is given.

    Args:
        cloud: the node's cloud.
        vm: the caller's reference to the node.
        seconds: the time limit of the cloud; None for the cloud's own deadline.

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
