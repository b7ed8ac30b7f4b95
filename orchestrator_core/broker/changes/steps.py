"""Blocking steps that run in a cloud's threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from orchestrator_core.broker.operations.change import Acted, ImageMade, VmReference
from orchestrator_core.broker.operations.kinds import Kind
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.living import check_living, same_node
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.references import explained
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.model import CloudDescription, Image, Node

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
        try:
            node = driver.start_vm(request)
        except InvalidParameter as refusal:
            raise explained(driver, order.fields, refusal) from refusal
        if driver.deadline.passed:
            _log.warning("started after its deadline", cloud=cloud.name, node=node.id)
        return description, node

    return step


def destroy(
    vm: VmReference, permit: Permit, examine: Callable[[Node], None] | None = None
) -> Callable[[Driver], str]:
    """Return the step that destroys a node, and returns the node's id.

    Args:
        vm: the requested node.
        permit: the permit that is asked just before the hook is called.
        examine: a function that receives the node as the cloud shows it just before that; it may
            raise.

    The step looks the node up first, so that a plugin that confuses ids cannot change a node
    other than the requested one. It raises NodeNotFound when there is no such node, NodeTerminated
    when the cloud shows that the node has ended, and InvalidParameter when several nodes have the
    name, or when the name belongs to another node than the id.
    """

    def step(driver: Driver) -> str:
        driver.require("stop_vm")
        node = _living(driver, vm)
        if examine is not None:
            examine(node)
        driver.deadline.check()
        permit.begin()
        driver.act("stop_vm", node.id)
        return node.id

    return step


def act(
    cloud: Cloud, kind: Kind, vm: VmReference, permit: Permit, arguments: Mapping[str, Any]
) -> Callable[[Driver], Acted | ImageMade]:
    """Return the step that calls the hook of a kind for one node: ``reboot_vm``, ``rename_vm`` ...

    Args:
        cloud: the node's cloud.
        kind: the kind, whose name is that of the hook.
        vm: the requested node.
        permit: the permit that is asked just before the hook is called.
        arguments: the caller's arguments for the hook, beside the node.

    The step looks the node up first, as :func:`destroy` does and with the same errors. It raises
    what :attr:`Kind.arguments` raises for arguments that name nothing.
    """

    def step(driver: Driver) -> Acted | ImageMade:
        driver.require(kind.name)
        node = _living(driver, vm)
        description = cloud.describe(driver)
        given = kind.arguments(driver, arguments)
        driver.deadline.check()
        permit.begin()
        answer = driver.act(kind.name, node.id, given)
        if isinstance(answer, Image):
            return ImageMade(description, answer, node.id)
        return Acted(node.id, kind.done)

    return step


def confirm_resize(node_id: str, size: str, permit: Permit) -> Callable[[Driver], bool]:
    """Return the step that confirms a node's resize, and returns whether the resize is complete.

    Args:
        node_id: the node's id.
        size: the id or the name of the size that the node was to get.
        permit: the permit that is asked just before the hook is called.
    """

    def step(driver: Driver) -> bool:
        wanted = driver.find_size(size)
        driver.deadline.check()
        permit.begin()
        return bool(driver.act("confirm_resize", node_id, {"size": wanted}))

    return step


def _living(driver: Driver, vm: VmReference) -> Node:
    node = which(driver, vm)
    check_living(node)
    return node


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
    return same_node(vm.node, driver.node_named(vm.hostname))


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
    return same_node(vm.node, named).id
