"""A cloud of the core around a plugin object that the test writes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from orchestrator_core import CloudDescription, Deadline, Image, Node, hookimpl
from orchestrator_core.broker.direct import DirectBroker
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Requester
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.start_request import StartRequest

Answer = Callable[[int, Deadline], Any]
"""A function of the number of the call, from 1, and of its deadline."""


class Plugin:
    """A driver whose answers to reads and starts are functions."""

    def __init__(self, nodes: Answer, start: Answer | None = None) -> None:
        self.nodes = nodes
        self.start = start or (lambda number, _: Node(str(number), f"node-{number}"))
        self.calls = itertools.count(1)
        self.asked = 0
        self.starts = itertools.count(1)
        self.started = 0
        self.closed = 0
        self.hints: Mapping[str, str] = {}

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_nodes(self, deadline: Deadline, hints: Mapping[str, str]) -> Any:
        self.hints = hints
        self.asked = number = next(self.calls)
        return self.nodes(number, deadline)

    @hookimpl
    def list_images(self) -> list[Image]:
        return [Image(str(next(self.calls)), "image")]

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        return Image(image_id, "image")

    @hookimpl
    def start_vm(self, request: StartRequest, deadline: Deadline) -> Any:
        self.started = number = next(self.starts)
        return self.start(number, deadline)

    @hookimpl
    def close(self) -> None:
        self.closed += 1


def hooks_of(plugin: Any) -> Hooks:
    return Hooks(Kind.CLOUD, "Cloud test", plugin)


def ids(_: CloudDescription, nodes: Any) -> list[str]:
    """Return the ids, the shape that most tests use."""
    return [node.id for node in nodes]


NODES = Question("list_nodes", ids)
IMAGES = Question("list_images", ids)

MakeCloud = Callable[..., Cloud]

UP = [Node("1", "one")]
"""The nodes of a cloud that works again."""


def failing(error: Exception, times: int, then: Any = None) -> Any:
    """Return an answer that raises an error for the first calls."""

    def answer(number: int, _: Deadline) -> Any:
        if number <= times:
            raise error
        return UP if then is None else then

    return answer


async def start(cloud: Cloud, permit: Permit | None = None) -> Node:
    """Start a VM in a cloud without a database."""
    broker = DirectBroker(Registry([cloud], [], None))
    change = Change(cloud, permit or Permit(), Requester("portal", "request"))
    return (await broker.start_vm(change, StartOrder("n", "1", "1"))).node


@pytest.fixture
def make_cloud() -> Iterator[MakeCloud]:
    """Return ``make_cloud(plugin, renewed=[...], **settings)``; close the clouds at the end."""
    clouds: list[Cloud] = []

    def build(plugin: Any, *, renewed: Any = None, **settings: Any) -> Cloud:
        make = (lambda: hooks_of(renewed())) if renewed else None
        section = CloudSettings("test", driver="test", **settings)
        clouds.append(Cloud(section, PluginHandle(hooks_of(plugin), make=make)))
        return clouds[-1]

    yield build
    for cloud in clouds:
        asyncio.run(cloud.close())
