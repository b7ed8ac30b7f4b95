"""A cloud that can only list its nodes: a listing without anything proves nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator_core import CloudDescription, Deadline, Node, hookimpl
from orchestrator_core.broker.change import Change, VmReference
from orchestrator_core.broker.destroying import Destroyer
from orchestrator_core.broker.operation import Operation, OperationState, Requester
from orchestrator_core.broker.process import Process
from orchestrator_core.broker.recorder import Recorder
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


async def destroyed(
    recorder: Recorder, listings: Sequence[Sequence[str]], attempts: int
) -> Operation:
    """Destroy node 1, and look at most so many times whether it is gone."""
    hooks = Hooks(Kind.CLOUD, "Cloud test", OnlyLists(listings))
    cloud = Cloud(CloudSettings("test", driver="test"), Plug(hooks))
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
