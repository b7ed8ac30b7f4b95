"""VMs that a plugin wrongly calls missing, and VMs that people change during an operation."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from orchestrator_core import CloudDescription, Deadline, Node, NodeState, hookimpl
from orchestrator_core.broker.changes import absence, sightings
from orchestrator_core.broker.changes.destroy import Destroyer
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.direct import DirectBroker
from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey, VmOrigin
from orchestrator_core.broker.operations import updates
from orchestrator_core.broker.operations.change import Change, VmReference
from orchestrator_core.broker.operations.operation import Attempt, Operation, Requester
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.broker.states import OperationState, Step, VmState
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import (
    CloudError,
    CloudTimeout,
    Conflict,
    NodeNotFound,
    OrchestratorError,
)
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings

pytestmark = pytest.mark.anyio


@dataclass
class Story:
    """The behaviour of a cloud.

    Attributes:
        states: the states of node 1, one for each read; the first read comes before the deletion,
            and the last state stays. None: the plugin calls it missing.
        listed: the ids of each listing, or an error to raise. The last one stays.
        stops: the error of each stop; None accepts it, as every later stop.
        asked: the number of stops received.
    """

    states: list[NodeState | None]
    listed: list[list[str] | OrchestratorError]
    stops: list[OrchestratorError | None] = field(default_factory=list)
    asked: int = 0
    lists: int = 0


class Plugin:
    """A driver that follows a story."""

    def __init__(self, story: Story) -> None:
        self._story = story

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        story = self._story
        story.lists += 1
        found = story.listed.pop(0) if len(story.listed) > 1 else story.listed[0]
        if isinstance(found, OrchestratorError):
            raise found
        return [Node(node, f"node-{node}") for node in found]

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        story = self._story
        state = story.states.pop(0) if len(story.states) > 1 else story.states[0]
        if state is None:
            raise NodeNotFound(f"There is no node {node_id!r}")
        return Node(node_id, f"node-{node_id}", state)

    @hookimpl
    def start_vm(self) -> Node:
        raise Conflict("The network does not allow this", nothing_done=False)

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        story = self._story
        story.asked += 1
        came = story.stops.pop(0) if story.stops else None
        if came is not None:
            raise came


def cloud_of(story: Story) -> Cloud:
    hooks = Hooks(Kind.CLOUD, "Cloud test", Plugin(story))
    return Cloud(
        CloudSettings("test", driver="test", destroy="all", retries=0), PluginHandle(hooks)
    )


class Play:
    """One VM and its cloud.

    Args:
        recorder: this process's recorder.
        story: the cloud's story.
    """

    def __init__(self, recorder: Recorder, story: Story) -> None:
        self.story = story
        self.cloud = cloud_of(story)
        self._recorder = recorder
        self._destroyer = Destroyer(recorder)

    async def know(self) -> None:
        """Record the VM as known."""
        key = VmKey("test", "1", "node-1")
        await self._recorder.database.write(lambda c: vms.note(c, key, VmOrigin.ADOPTED))

    async def stop(self) -> Operation:
        change = Change(self.cloud, Permit(), Requester("portal", "request"))
        operation = (await self._destroyer.begin(change, VmReference("1"))).operation
        assert operation is not None
        return operation

    async def of(self, error: OrchestratorError) -> Operation:
        found = await self._recorder.database.read(
            lambda c: updates.get(c, error.operation_id or "")
        )
        assert found is not None
        return found

    async def go_on(self, operation: Operation, times: int = 1) -> Operation:
        """Make this many more attempts, or fewer if the operation no longer waits."""
        for _ in range(times):
            if operation.state is not OperationState.PENDING:
                break
            taken = await self._recorder.reacquire(operation, None, Deadline(5.0))
            assert taken is not None
            operation = await self._destroyer.resume(taken, self.cloud, None)
        return operation

    async def retry(self, operation: Operation) -> Operation:
        await self._recorder.database.write(lambda c: updates.make_due(c, operation.id))
        found = await self._recorder.database.read(lambda c: updates.get(c, operation.id))
        assert found is not None
        return found

    async def state(self) -> str:
        row = await self._recorder.database.read(lambda c: vms.get(c, "test", "1"))
        return str(row.state) if row is not None else VmState.GONE


MISSING = NodeNotFound("There is no node '1'")


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (CloudError("Cloud test failed"), "cloud_error"),
        (CloudTimeout("Cloud test did not answer"), "cloud_timeout"),
        (["1", "2"], "contradiction"),
    ],
)
async def test_a_plugin_that_calls_a_vm_missing_is_held_against_the_list(
    recorder: Recorder, listed: list[str] | OrchestratorError, code: str
) -> None:
    play = Play(recorder, Story([NodeState.RUNNING], [listed], [MISSING, MISSING]))
    await play.know()
    with pytest.raises(CloudError, match="contradicts itself") as caught:
        await play.stop()
    operation = await play.of(caught.value)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, code)
    operation = await play.go_on(operation)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, code)
    assert await play.state() == VmState.DESTROYING
    # The plugin's answers are right from now on: the deletion is sent, and accepted.
    play.story.states[:] = [NodeState.RUNNING, None]
    operation = await play.go_on(operation)
    assert (operation.state, play.story.asked) == (OperationState.SUCCEEDED, 3)
    await play.cloud.close()


async def test_one_short_listing_ends_no_vm_that_was_there(recorder: Recorder) -> None:
    play = Play(recorder, Story([None], [["2"], ["1", "2"]], [MISSING, MISSING]))
    await play.know()
    with pytest.raises(NodeNotFound) as caught:
        await play.stop()
    operation = await play.of(caught.value)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, "not_listed")
    operation = await play.go_on(operation)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, "contradiction")
    await play.cloud.close()


async def test_empty_listings_count_only_in_a_row(recorder: Recorder) -> None:
    """A listing in between that shows the VM proves that the empty listings were wrong."""
    play = Play(recorder, Story([None], [[], [], ["1"], []], [MISSING] * 5))
    await play.know()
    with pytest.raises(NodeNotFound) as caught:
        await play.stop()
    operation = await play.go_on(await play.of(caught.value), times=2)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, "contradiction")
    operation = await play.go_on(operation)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, absence.EMPTY)
    await play.cloud.close()


async def test_two_listings_that_agree_are_believed(recorder: Recorder) -> None:
    play = Play(recorder, Story([None], [["2"]], [MISSING, MISSING]))
    await play.know()
    with pytest.raises(NodeNotFound) as caught:
        await play.stop()
    operation = await play.go_on(await play.of(caught.value))
    assert operation.state is OperationState.SUCCEEDED
    assert play.story.lists == 2
    await play.cloud.close()


async def test_a_vm_that_was_never_there_is_refused_at_once(recorder: Recorder) -> None:
    play = Play(recorder, Story([None], [["2"]], [MISSING]))
    with pytest.raises(NodeNotFound) as caught:
        await play.stop()
    assert (await play.of(caught.value)).state is OperationState.FAILED
    await play.cloud.close()


async def test_an_accepted_deletion_needs_no_list(recorder: Recorder) -> None:
    play = Play(recorder, Story([NodeState.RUNNING, None], [CloudError("Cloud test failed")]))
    await play.know()
    operation = await play.go_on(await play.stop())
    assert (operation.state, play.story.lists) == (OperationState.SUCCEEDED, 0)
    await play.cloud.close()


# --- people --------------------------------------------------------------------------------

ON, OFF = NodeState.RUNNING, NodeState.STOPPED


async def test_a_vm_that_was_switched_on_again_is_left_alone(recorder: Recorder) -> None:
    play = Play(recorder, Story([OFF, OFF, ON], [["1"]]))
    await play.know()
    operation = await play.go_on(await play.stop(), times=30)
    assert (operation.state, operation.error_code) == (OperationState.PAUSED, "state_changed")
    assert play.story.asked == 1
    # An operator wants it destroyed all the same.
    operation = await play.go_on(await play.retry(operation), times=14)
    assert (operation.state, play.story.asked) == (OperationState.PENDING, 2)
    await play.cloud.close()


async def test_a_vm_that_was_only_switched_off_is_not_asked_for_again(recorder: Recorder) -> None:
    play = Play(recorder, Story([ON, ON, OFF], [["1"]]))
    await play.know()
    operation = await play.go_on(await play.stop(), times=30)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, "still_there")
    assert play.story.asked == 1
    await play.cloud.close()


async def test_a_vm_that_stays_as_it_was_is_asked_for_again(recorder: Recorder) -> None:
    play = Play(recorder, Story([ON], [["1"]]))
    await play.know()
    await play.go_on(await play.stop(), times=16)
    assert play.story.asked == 2
    await play.cloud.close()


async def test_a_vm_is_looked_at_before_a_deletion_that_failed_is_repeated(
    recorder: Recorder,
) -> None:
    """The first deletion succeeded and its answer was lost; the VM is switched on again later."""
    lost, off = CloudTimeout("lost"), Conflict("The node is off")
    play = Play(recorder, Story([OFF, OFF, OFF, ON], [["1"]], [lost, off, off]))
    await play.know()
    with pytest.raises(CloudTimeout) as caught:
        await play.stop()
    operation = await play.go_on(await play.of(caught.value), times=10)
    assert (operation.state, operation.error_code) == (OperationState.PAUSED, "state_changed")
    assert play.story.asked == 3
    await play.cloud.close()


def attempt(message: str | None, code: str = "still_there", step: Step = Step.CONFIRM) -> Attempt:
    return Attempt(1, step, "p", 0.0, 1.0, "error", code, message)


@pytest.mark.parametrize("state", NodeState)
async def test_what_an_attempt_says_is_read_again(state: NodeState) -> None:
    said = sightings.describe(Node("a (b)", "x", state))
    assert sightings.of([attempt(said), attempt(f"{said}; no"), attempt("no")]) == [state, state]


async def test_what_was_seen_before_an_operator_decided_does_not_count() -> None:
    seen = [attempt(sightings.describe(Node("1", "x", OFF)))]
    paused = attempt("Node 1 was switched off", sightings.CHANGED)
    assert sightings.of([*seen, paused, *seen]) == [OFF]


# --- without a database ------------------------------------------------------------------------


async def stopped_directly(story: Story) -> None:
    """Destroy node 1 through a server without a database."""
    cloud = cloud_of(story)
    broker = DirectBroker(Registry([cloud], [], "test"))
    try:
        await broker.act(
            Change(cloud, Permit(), Requester("portal", "request")), "stop_vm", VmReference("1")
        )
    finally:
        await cloud.close()


async def test_without_a_database_the_list_has_to_agree_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(absence, "_LISTING_DELAY", 0.01)
    with pytest.raises(NodeNotFound):
        await stopped_directly(Story([None], [["2"]], [MISSING]))
    with pytest.raises(NodeNotFound):
        await stopped_directly(Story([None], [[], [], []], [MISSING]))
    for listed in (["1"], CloudError("Cloud test failed")):
        with pytest.raises(CloudError, match="contradicts itself"):
            await stopped_directly(Story([None], [listed], [MISSING]))
    with pytest.raises(CloudError, match="contradicts itself"):
        await stopped_directly(Story([None], [[], ["1"]], [MISSING]))


async def test_without_a_database_a_half_made_vm_is_told() -> None:
    cloud = cloud_of(Story([None], [[]]))
    change = Change(cloud, Permit(), Requester("portal", "request"))
    with pytest.raises(Conflict) as caught:
        await DirectBroker(Registry([cloud], [], "test")).start_vm(
            change, StartOrder("web", "i", "s")
        )
    assert caught.value.message.endswith("before the refusal, which may still run")
    await cloud.close()
