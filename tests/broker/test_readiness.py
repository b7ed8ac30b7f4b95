"""Starts whose callers wait until the VM runs, or has an address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrator_core import CloudDescription, Image, Node, NodeState, Size, hookimpl
from orchestrator_core.broker.changes.readiness import ReadinessWaits
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.start import Starter
from orchestrator_core.broker.direct import DirectBroker
from orchestrator_core.broker.operations import updates
from orchestrator_core.broker.operations.change import Change, Started
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.broker.operations.start_order import StartOrder, WaitFor
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudError, NodeNotFound, OrchestratorError, StartFailed
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings

pytestmark = pytest.mark.anyio

Look = Node | OrchestratorError

PENDING = Node("1", "web", NodeState.PENDING, secrets={"password": "s3cret"})
RUNNING = Node("1", "web", NodeState.RUNNING)
PRIVATE = Node("1", "web", NodeState.RUNNING, private_ips=["10.0.0.5"])
PUBLIC = Node("1", "web", NodeState.RUNNING, ["192.0.2.7"], ["10.0.0.5"])
BROKEN = Node("1", "web", NodeState.ERROR)
MISSING = NodeNotFound("There is no node '1'")
AWAY = CloudError("Cloud test failed")


class Booting:
    """A driver whose node shows one look after the other; the last one stays."""

    def __init__(self, *looks: Look, first: Node = PENDING) -> None:
        self._looks: Iterator[Look] = iter(looks)
        self._first = first
        self._last = looks[-1]
        self.starts = 0

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        return Image(image_id, image_id)

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        return Size(size_id, size_id)

    @hookimpl
    def get_node(self) -> Node:
        look = next(self._looks, self._last)
        if isinstance(look, OrchestratorError):
            raise look
        return look

    @hookimpl
    def start_vm(self) -> Node:
        self.starts += 1
        return self._first


def cloud_of(*looks: Look, seconds: float = 5.0, first: Node = PENDING) -> Cloud:
    hooks = Hooks(Kind.CLOUD, "Cloud test", Booting(*looks, first=first))
    settings = CloudSettings(
        "test", driver="test", retries=0, deadlines={"start_vm": seconds}, visibility_timeout=60
    )
    return Cloud(settings, PluginHandle(hooks))


async def started(
    recorder: Recorder,
    cloud: Cloud,
    wait_for: WaitFor,
    waits: ReadinessWaits | None = None,
    **fields: Any,
) -> Started:
    change = Change(cloud, Permit(), Requester("ann", "request"))
    order = StartOrder("web", "i", "s", fields, wait_for)
    return await Starter(recorder).begin(change, order, waits or ReadinessWaits())


async def operation_of(recorder: Recorder, operation_id: str) -> Operation:
    found = await recorder.database.read(lambda c: updates.get(c, operation_id))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wait_for", "looks", "shown"),
    [
        (WaitFor.RUNNING, [PENDING, MISSING, AWAY, RUNNING], RUNNING),
        (WaitFor.ADDRESS, [PENDING, RUNNING, PRIVATE], PRIVATE),
        (WaitFor.RUNNING, [PUBLIC], PUBLIC),
    ],
)
async def test_the_answer_comes_when_the_vm_is_ready(
    recorder: Recorder, wait_for: WaitFor, looks: list[Look], shown: Node
) -> None:
    cloud = cloud_of(*looks)
    made = await started(recorder, cloud, wait_for)
    assert (made.node.state, made.node.public_ips) == (shown.state, shown.public_ips)
    assert made.node.secrets == {"password": "s3cret"}
    assert made.operation is not None
    assert (made.operation.state, made.operation.step) == (OperationState.SUCCEEDED, Step.READY)
    recorded = await operation_of(recorder, made.operation.id)
    assert recorded.result is not None
    assert recorded.result["reached"] == made.reached
    assert "s3cret" not in str(recorded.result)
    await cloud.close()


@pytest.mark.parametrize("wait_for", list(WaitFor))
async def test_the_record_of_a_start_has_no_values_of_metadata(
    recorder: Recorder, wait_for: WaitFor
) -> None:
    """Clouds show a VM's metadata; the record would keep it when the VM is long gone."""
    metadata = {"token": "s3cret-1", "role": {"deep": "s3cret-2"}}
    shown = {
        "metadata": {**metadata, "own": "kept"},
        "tags": {"items": [{"key": "token", "value": "s3cret-1"}, {"key": "own", "value": "kept"}]},
        "token": "kept",
    }
    node = replace(PUBLIC, extra=shown)
    cloud = cloud_of(node, first=node)
    made = await started(recorder, cloud, wait_for, metadata=metadata)
    assert made.node.extra == shown
    assert made.operation is not None
    recorded = await operation_of(recorder, made.operation.id)
    assert recorded.result is not None
    assert "s3cret" not in str(recorded)
    assert recorded.result["node"]["extra"] == {
        "metadata": {"token": None, "role": None, "own": "kept"},
        "tags": {"items": [{"key": "token", "value": None}, {"key": "own", "value": "kept"}]},
        "token": "kept",
    }
    await cloud.close()


async def test_a_public_address_is_waited_for_if_one_was_asked_for(recorder: Recorder) -> None:
    cloud = cloud_of(PRIVATE, PRIVATE, PUBLIC)
    made = await started(recorder, cloud, WaitFor.ADDRESS, public_ip=True)
    assert made.node.public_ips == ["192.0.2.7"]
    await cloud.close()


async def test_at_the_deadline_the_answer_says_how_far_it_came_and_the_wait_goes_on(
    recorder: Recorder,
) -> None:
    cloud = cloud_of(RUNNING, RUNNING, RUNNING, PUBLIC, seconds=1.0)
    made = await started(recorder, cloud, WaitFor.ADDRESS)
    assert (made.reached, made.node.state) == ("running", NodeState.RUNNING)
    operation = made.operation
    assert operation is not None
    assert (operation.state, operation.step) == (OperationState.PENDING, Step.READY)
    while operation.state is OperationState.PENDING:
        acquired = await recorder.reacquire(operation, None, Deadline(10))
        assert acquired is not None
        operation = await Starter(recorder).resume(acquired, cloud, None)
    assert operation.state is OperationState.SUCCEEDED
    recorded = await operation_of(recorder, operation.id)
    assert recorded.result is not None
    assert recorded.result["reached"] == "address"
    await cloud.close()


async def test_a_vm_that_will_never_run_is_an_error_that_keeps_the_vm(recorder: Recorder) -> None:
    cloud = cloud_of(PENDING, BROKEN)
    with pytest.raises(StartFailed, match="shows it as error") as caught:
        await started(recorder, cloud, WaitFor.RUNNING)
    assert caught.value.operation_id is not None
    recorded = await operation_of(recorder, caught.value.operation_id)
    assert (recorded.state, recorded.error_code) == (OperationState.FAILED, "start_failed")
    assert recorded.node_id == "1"
    await cloud.close()


async def test_the_error_of_a_failed_start_quotes_the_cloud(recorder: Recorder) -> None:
    why = "Requested volume exceeds allowed gigabytes quota"
    cloud = cloud_of(PENDING, replace(BROKEN, fault=why))
    with pytest.raises(StartFailed, match=rf"shows it as error \({why}\); it still exists"):
        await started(recorder, cloud, WaitFor.RUNNING)
    await cloud.close()


async def test_a_process_that_stops_leaves_the_wait_to_the_durable_worker(
    recorder: Recorder,
) -> None:
    cloud, waits = cloud_of(PENDING, seconds=60), ReadinessWaits()
    waiting = asyncio.ensure_future(started(recorder, cloud, WaitFor.RUNNING, waits))
    await asyncio.sleep(0.1)
    waits.stop()
    made = await asyncio.wait_for(waiting, 5)
    assert made.reached == "accepted"
    assert made.operation is not None
    assert made.operation.state is OperationState.PENDING
    await cloud.close()


async def test_without_a_database() -> None:
    cloud = cloud_of(PENDING, PUBLIC)
    change = Change(cloud, Permit(), Requester("ann", "request"))
    broker = DirectBroker(Registry([cloud], [], "test"))
    made = await broker.start_vm(change, StartOrder("web", "i", "s", {}, WaitFor.ADDRESS))
    assert (made.reached, made.node.public_ips) == ("address", ["192.0.2.7"])
    assert made.node.secrets == {"password": "s3cret"}
    await cloud.close()
