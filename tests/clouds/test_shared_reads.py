"""Shared and cached reads, and changes that their callers must see."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any

import pytest

from orchestrator_core import CloudDescription, Deadline, Node
from orchestrator_core.clouds.cloud import Question
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.origin import Lane, Origin, origin
from orchestrator_core.settings.model import CacheSettings
from tests.clouds.conftest import IMAGES, NODES, MakeCloud, Plugin

pytestmark = pytest.mark.anyio


class Gate:
    """A cloud whose reads answer on release; each returns its own number."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, number: int, deadline: Deadline) -> list[Node]:
        self.begun.release()
        while not self.open.wait(0.005) and not deadline.passed:
            pass
        return [Node(str(number), "x")]

    async def wait_for(self, calls: int) -> None:
        for _ in range(calls):
            assert await asyncio.to_thread(self.begun.acquire, timeout=10)


def count(_: CloudDescription, nodes: Any) -> int:
    return len(nodes)


async def test_simultaneous_reads_are_one_call(make_cloud: MakeCloud) -> None:
    gate = Gate()
    plugin = Plugin(gate)
    cloud = make_cloud(plugin)
    questions: list[Question[Any]] = [NODES] * 200 + [Question("list_nodes", count)] * 9
    reads = [asyncio.ensure_future(cloud.read(question)) for question in questions]
    await gate.wait_for(1)
    gate.open.set()
    values = [reading.value for reading in await asyncio.gather(*reads)]
    assert values == [["1"]] * 200 + [1] * 9
    assert plugin.asked == 1


async def test_another_question_is_another_call(make_cloud: MakeCloud) -> None:
    gate = Gate()
    gate.open.set()
    cloud = make_cloud(Plugin(gate))
    one, two = await asyncio.gather(cloud.read(NODES), cloud.read(NODES, hints={"a": "b"}))
    assert one.value != two.value


async def test_a_read_from_before_a_change_is_not_joined_after_it(make_cloud: MakeCloud) -> None:
    gate = Gate()
    cloud = make_cloud(Plugin(gate))
    early = asyncio.ensure_future(cloud.read(NODES))
    await gate.wait_for(1)
    await cloud.change("start_vm", lambda _: None, Permit())
    late = asyncio.ensure_future(cloud.read(NODES))
    await gate.wait_for(1)
    gate.open.set()
    assert ((await early).value, (await late).value) == (["1"], ["2"])


async def test_nor_after_a_change_that_failed_or_was_late(make_cloud: MakeCloud) -> None:
    gate, end = Gate(), threading.Event()
    cloud = make_cloud(Plugin(gate), deadlines={"start_vm": 0.05})
    reads = [asyncio.ensure_future(cloud.read(NODES))]
    await gate.wait_for(1)
    with pytest.raises(Exception, match="did not answer within"):
        await cloud.change("start_vm", lambda _: end.wait(10), Permit())
    reads.append(asyncio.ensure_future(cloud.read(NODES)))
    await gate.wait_for(1)
    end.set()  # Only now has the change really ended.
    await asyncio.sleep(0.05)
    reads.append(asyncio.ensure_future(cloud.read(NODES)))
    await gate.wait_for(1)
    gate.open.set()
    values = [reading.value for reading in await asyncio.gather(*reads)]
    assert values == [["1"], ["2"], ["3"]]


async def test_when_all_readers_leave_the_thread_is_free(make_cloud: MakeCloud) -> None:
    gate = Gate()
    cloud = make_cloud(Plugin(gate), threads=1)
    reads = [asyncio.ensure_future(cloud.read(NODES)) for _ in range(5)]
    await gate.wait_for(1)
    for read in reads[:4]:
        read.cancel()
    await asyncio.sleep(0.02)
    assert cloud.guard.load.running == 1
    reads[4].cancel()
    for _ in range(200):
        if not cloud.guard.load.running:
            break
        await asyncio.sleep(0.01)
    assert cloud.guard.load.running == 0


async def test_images_are_kept_for_as_long_as_the_settings_say(make_cloud: MakeCloud) -> None:
    plugin = Plugin(lambda number, _: [Node(str(number), "x")])
    cloud = make_cloud(plugin, cache=CacheSettings(images=0.2))
    first = await cloud.read(IMAGES)
    again = await cloud.read(IMAGES)
    counted = await cloud.read(Question("list_images", count))
    assert (first.value, again.value, counted.value) == (["1"], ["1"], 1)
    assert again.age > first.age
    assert (await cloud.read(IMAGES, max_age=0)).value == ["2"]
    assert (await cloud.read(IMAGES)).value == ["2"]
    await asyncio.sleep(0.25)
    assert (await cloud.read(IMAGES)).value == ["3"]


async def test_nodes_never_are(make_cloud: MakeCloud) -> None:
    plugin = Plugin(lambda number, _: [Node(str(number), "x")])
    cloud = make_cloud(plugin, cache=CacheSettings(images=60, sizes=60))
    assert [(await cloud.read(NODES)).value for _ in range(2)] == [["1"], ["2"]]


async def test_answers_to_hints_are_not_kept(make_cloud: MakeCloud) -> None:
    plugin = Plugin(lambda _number, _deadline: [])
    cloud = make_cloud(plugin, cache=CacheSettings(images=60))
    values = [(await cloud.read(IMAGES, hints={"a": "b"})).value for _ in range(2)]
    assert values == [["1"], ["2"]]


async def test_hints_reach_the_driver(make_cloud: MakeCloud) -> None:
    plugin = Plugin(lambda _number, _deadline: [])
    await make_cloud(plugin).read(NODES, hints={"a": "b"})
    assert plugin.hints == {"a": "b"}


class Shaped:
    """The result of a shape; a weak reference shows when it is freed."""


async def test_of_the_shapes_of_a_kept_answer_only_some_are_kept(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(Plugin(lambda _number, _deadline: []), cache=CacheSettings(images=60))
    made: list[weakref.ref[Shaped]] = []
    for _ in range(30):
        reading = await cloud.read(Question("list_images", lambda _cloud, _images: Shaped()))
        made.append(weakref.ref(reading.value))
        del reading
    await asyncio.sleep(0)
    assert sum(one() is not None for one in made) < 15


async def test_a_read_that_waits_for_its_first_caller_s_turn_takes_that_of_another(
    make_cloud: MakeCloud,
) -> None:
    gate, order = Gate(), []

    def answer(number: int, deadline: Deadline) -> list[Node]:
        order.append(plugin.hints["number"])
        return gate(number, deadline)

    plugin = Plugin(answer)
    cloud = make_cloud(plugin, threads=1)

    def read(caller: str, number: int) -> asyncio.Future[Any]:
        origin.set(Origin(caller, Lane.READ))  # The task gets a copy of the context.
        return asyncio.ensure_future(cloud.read(NODES, hints={"number": str(number)}))

    many = [read("many", number) for number in range(50)]
    await gate.wait_for(1)
    shared = read("one", 49)
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(shared, *many)
    assert order.index("49") <= 2
    assert len(order) == 50  # It is still one call.
