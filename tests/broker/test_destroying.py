"""Destroying, without a server: listings that prove nothing, and a caller who leaves at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from orchestrator_core import CloudDescription, Deadline, Node, hookimpl
from orchestrator_core.broker import records, vms
from orchestrator_core.broker.change import Change, VmReference
from orchestrator_core.broker.destroying import Destroyer
from orchestrator_core.broker.operation import Operation, OperationState, Requester
from orchestrator_core.broker.process import Process
from orchestrator_core.broker.recorder import Recorder
from orchestrator_core.broker.vm import VmState
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plug import Plug
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings, StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests.databases import MakeUrl

pytestmark = pytest.mark.anyio


class OnlyLists:
    """A driver without ``get_node``."""

    def __init__(self, listings: Sequence[Sequence[str]]) -> None:
        self._listings = iter(listings)
        self._last: Sequence[str] = ()

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        self._last = next(self._listings, self._last)
        return [Node(node, f"node-{node}") for node in self._last]

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        """Accept it."""


@pytest.fixture
def recorder(sqlite: MakeUrl) -> Iterator[Recorder]:
    url = sqlite()
    database = Database(url, Path())
    upgrade(database)
    process = Process(database, "web", 30.0)
    process.start()
    settings = StateSettings(Secret("(plain)", plain=url), pause=0.01, longest_pause=0.01)
    yield Recorder(database, process, settings)
    process.stop()
    database.close()


def cloud_of(listings: Sequence[Sequence[str]]) -> Cloud:
    hooks = Hooks(Kind.CLOUD, "Cloud test", OnlyLists(listings))
    return Cloud(CloudSettings("test", driver="test"), Plug(hooks))


async def destroyed(
    recorder: Recorder, listings: Sequence[Sequence[str]], attempts: int
) -> Operation:
    """Destroy node 1, and look at most so many times whether it is gone."""
    cloud = cloud_of(listings)
    destroyer = Destroyer(recorder)
    change = Change(cloud, Permit(), Requester("somebody", "request"))
    operation = (await destroyer.begin(change, VmReference("1"))).operation
    assert operation is not None
    for _ in range(attempts):
        if operation.final:
            break
        claimed = await recorder.take_again(operation, _patience())
        assert claimed is not None
        operation = await destroyer.resume(claimed, cloud)
    await cloud.close()
    return operation


def _patience() -> Deadline:
    return Deadline(5.0)


async def test_a_listing_with_others_in_it_is_believed(recorder: Recorder) -> None:
    operation = await destroyed(recorder, [["2"]], attempts=1)
    assert operation.state is OperationState.SUCCEEDED


async def test_an_empty_one_is_not(recorder: Recorder) -> None:
    operation = await destroyed(recorder, [[]], attempts=2)
    assert operation.state is OperationState.PENDING
    assert operation.error_code == "empty_listing"


async def test_a_vm_that_shows_again_is_still_there(recorder: Recorder) -> None:
    operation = await destroyed(recorder, [[], [], [], [], ["1", "2"]], attempts=3)
    assert operation.state is OperationState.PENDING
    assert operation.error_code == "still_there"


async def test_a_cloud_that_stays_empty_is_believed_in_the_end(recorder: Recorder) -> None:
    operation = await destroyed(recorder, [[]], attempts=3)
    assert operation.state is OperationState.SUCCEEDED


async def test_a_caller_who_leaves_while_it_is_recorded_leaves_the_vm_as_it_was(
    recorder: Recorder,
) -> None:
    cloud = cloud_of([["1"]])
    change = Change(cloud, Permit(), Requester("somebody", "request"))
    stopping = asyncio.ensure_future(Destroyer(recorder).begin(change, VmReference("1")))
    while not recorder_is_writing():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    found = None
    while found is None or not found.final:
        await asyncio.sleep(0.01)
        found = await recorder.database.read(_only_operation)
    assert found.error_code == "caller_left"
    vm = await recorder.database.read(lambda connection: vms.get(connection, "test", "1"))
    assert vm is not None
    assert vm.state == VmState.PRESENT
    await cloud.close()


def recorder_is_writing() -> bool:
    """Whether the task that records has begun; from there on a cancel comes in its middle."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return "Recorder._record" in names


def _only_operation(connection: Connection) -> Operation | None:
    found = records.find(connection, {}, 2, None)
    return found[0] if found else None
