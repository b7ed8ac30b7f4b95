"""Releases through a backend that names a VM only in resolve_vm."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, update

from orchestrator_core import AssignmentResult, AssignRequest, Deadline, Vm, hookimpl
from orchestrator_core.broker.changes.assign import Assigner
from orchestrator_core.broker.changes.destroy import Destroyer
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.release import Releaser
from orchestrator_core.broker.ledger import assignments, leases, vms
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.ledger.vm import Assignment, VmKey
from orchestrator_core.broker.operations import acquire, updates
from orchestrator_core.broker.operations.change import AssignOrder, Change, VmReference
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.broker.states import AssignmentState, OperationState
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import CloudError, CloudTimeout, Refused
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES
from orchestrator_core.settings.model import AssignmentSettings, StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.tables import attempts
from tests.broker.conftest import asked, cloud_of

pytestmark = pytest.mark.anyio

NO_CLOUDS = Namesakes(Registry([], [], None))

ORDER = AssignOrder(VmReference("1"), "ada", "app")


class Terse:
    """A backend that keeps one VM's user; with ``mute`` no answer to a change of it ever arrives.

    It answers an assign once ``may_answer`` is set, and refuses it with ``refuses``.
    """

    def __init__(self) -> None:
        self.user = ""
        self.mute = self.refuses = False
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        return [Vm(1, "1", "one", user=self.user, cloud=cloud)]

    @hookimpl
    def resolve_vm(self, cloud: str) -> Vm:
        return Vm(1, "1", "one", cloud=cloud)

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        self.is_asked.set()
        assert self.may_answer.wait(10)
        if self.refuses:
            raise Refused("not this one")
        self.user = request.user
        if self.mute:
            raise CloudTimeout("lost")
        return AssignmentResult(1, "1", "done")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        raise CloudTimeout(f"{vm.id_vm} of {cloud} was never asked for")


@pytest.fixture
async def terse() -> AsyncIterator[tuple[Terse, Backend]]:
    itself = Terse()
    hooks = Hooks(Kind.ASSIGNMENT, "Backend terse", itself)
    backend = Backend(AssignmentSettings("terse", backend="terse", retries=0), PluginHandle(hooks))
    yield itself, backend
    await backend.close()


async def again(recorder: Recorder, operation_id: str | None) -> Operation:
    found = await recorder.database.read(lambda c: updates.get(c, operation_id or ""))
    assert found is not None
    taken = await recorder.reacquire(found, None, Deadline(5.0))
    assert taken is not None
    return taken


async def test_a_release_is_settled_by_the_list_and_not_by_which_vm_is_meant(
    recorder: Recorder, terse: tuple[Terse, Backend]
) -> None:
    cloud, (_, backend) = cloud_of([["1"]]), terse
    change = Change(cloud, Permit(), Requester("portal", "request"))
    await Assigner(recorder, NO_CLOUDS).begin(change, backend, ORDER)
    releaser, before = Releaser(recorder, NO_CLOUDS), len(asked)
    with pytest.raises(CloudTimeout) as lost:
        await releaser.begin(change, backend, VmReference("1"), 1)
    operation = await again(recorder, lost.value.operation_id)
    waiting = await releaser.resume(operation, cloud, backend)
    assert (waiting.state, waiting.unsettled) == (OperationState.PENDING, True)
    await age_attempts(recorder, operation)
    operation = await again(recorder, lost.value.operation_id)
    ended = await releaser.resume(operation, cloud, backend)
    assert (ended.state, ended.error_code) == (OperationState.PAUSED, "release_unknown")
    assert len(asked) == before
    await cloud.close()


async def age_attempts(recorder: Recorder, operation: Operation) -> None:
    """Date the attempts of an operation back by an hour."""

    def work(connection: Connection) -> None:
        ours = attempts.c.operation_id == operation.id
        for column in (attempts.c.started_at, attempts.c.ended_at):
            connection.execute(update(attempts).where(ours).values({column: column - 3600}))

    await recorder.database.write(work)


@pytest.mark.parametrize("late", [True, False])
async def test_an_assign_that_does_not_show_may_still_be_made(
    recorder: Recorder, terse: tuple[Terse, Backend], *, late: bool
) -> None:
    """The assign ends once the backend has shown nothing for as long as an assign may take."""
    cloud, (itself, backend) = cloud_of([["1"]]), terse
    itself.mute = True
    change = Change(cloud, Permit(), Requester("portal", "request"))
    assigner = Assigner(recorder, NO_CLOUDS)
    with pytest.raises(CloudTimeout) as lost:
        await assigner.begin(change, backend, ORDER)
    itself.user = ""
    operation = await again(recorder, lost.value.operation_id)
    waiting = await assigner.resume(operation, cloud, backend)
    assert (waiting.state, waiting.unsettled) == (OperationState.PENDING, True)
    if late:
        itself.user = "ada"
    else:
        await age_attempts(recorder, operation)
    operation = await again(recorder, lost.value.operation_id)
    ended = await assigner.resume(operation, cloud, backend)
    held = await _holder(recorder)
    if late:
        assert ended.state is OperationState.SUCCEEDED
        assert held is not None
        assert (held.state, held.user) == (AssignmentState.ACTIVE, "ada")
    else:
        assert (ended.state, ended.error_code, held) == (
            OperationState.FAILED,
            "not_made",
            None,
        )
    await cloud.close()


async def test_an_assign_is_settled_by_the_list_and_not_by_which_vm_is_meant(
    recorder: Recorder, terse: tuple[Terse, Backend]
) -> None:
    cloud, (itself, backend) = cloud_of([["1"]]), terse
    itself.mute = True
    change = Change(cloud, Permit(), Requester("portal", "request"))
    with pytest.raises(CloudTimeout) as lost:
        await Assigner(recorder, NO_CLOUDS).begin(change, backend, ORDER)
    operation = await again(recorder, lost.value.operation_id)
    ended = await Assigner(recorder, NO_CLOUDS).resume(operation, cloud, backend)
    assert ended.state is OperationState.SUCCEEDED
    held = await recorder.database.read(lambda c: assignments.holding(c, "test", "1"))
    assert held is not None
    assert held.user == "ada"
    await cloud.close()


class LatePermit(Permit):
    """A permit whose thread is delayed in the last moment before it would begin."""

    def __init__(self) -> None:
        super().__init__()
        self.is_about_to = threading.Event()
        self.goes_on = threading.Event()
        self.refused = threading.Event()

    def begin(self) -> None:
        self.is_about_to.set()
        assert self.goes_on.wait(10)
        try:
            super().begin()
        except CloudError:
            self.refused.set()
            raise


async def test_what_is_told_as_not_begun_does_not_begin(
    recorder: Recorder, terse: tuple[Terse, Backend]
) -> None:
    cloud, (itself, _) = cloud_of([["1"]]), terse
    settings = AssignmentSettings(
        "terse", backend="terse", retries=0, deadlines={**ASSIGNMENT_DEADLINES, "assign_vm": 0.1}
    )
    backend = Backend(settings, PluginHandle(Hooks(Kind.ASSIGNMENT, "Backend terse", itself)))
    permit = LatePermit()
    change = Change(cloud, permit, Requester("portal", "request"))
    with pytest.raises(CloudTimeout) as late:
        await Assigner(recorder, NO_CLOUDS).begin(change, backend, ORDER)
    permit.goes_on.set()
    assert permit.refused.wait(10)
    await backend.close()
    found = await recorder.database.read(lambda c: updates.get(c, late.value.operation_id or ""))
    assert found is not None
    assert found.state == OperationState.FAILED
    assert itself.user == ""
    await cloud.close()


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("first", ["stop", "backend"])
async def test_a_stop_that_comes_to_nothing_while_a_backend_is_asked(
    recorder: Recorder, terse: tuple[Terse, Backend], first: str, *, refuses: bool
) -> None:
    """The assignment follows the backend's answer, whichever of the two ends first."""
    cloud, (itself, backend) = cloud_of([["1"]]), terse
    itself.refuses = refuses
    itself.may_answer.clear()
    who = Requester("portal", "request")
    assign = asyncio.ensure_future(
        Assigner(recorder, NO_CLOUDS).begin(Change(cloud, Permit(), who), backend, ORDER)
    )
    assert await asyncio.to_thread(itself.is_asked.wait, 10)
    permit = LatePermit()
    stop = asyncio.ensure_future(
        Destroyer(recorder).begin(Change(cloud, permit, who), VmReference("1"))
    )
    assert await asyncio.to_thread(permit.is_about_to.wait, 10)
    assert permit.withdraw()
    events = {"stop": (permit.goes_on, stop), "backend": (itself.may_answer, assign)}
    for turn in sorted(events, key=lambda name: name != first):
        event, task = events[turn]
        event.set()
        await asyncio.wait([task])
    assert isinstance(stop.exception(), CloudError)
    assert isinstance(assign.exception(), Refused) == refuses
    held = await _holder(recorder)
    if refuses:
        assert held is None
    else:
        assert held is not None
        assert (held.state, held.user) == (AssignmentState.ACTIVE, "ada")
        again = await Assigner(recorder, NO_CLOUDS).begin(
            Change(cloud, Permit(), who), backend, ORDER
        )
        assert again.result == assign.result().result
    await cloud.close()


async def _holder(recorder: Recorder) -> Assignment | None:
    return await recorder.database.read(
        lambda connection: assignments.holding(connection, "test", "1")
    )


class Agreeable(Terse):
    """A backend that keeps nothing itself: the ledger alone knows the holder of a VM."""

    external = False


async def test_an_expiry_that_was_let_go_asks_again_whether_the_vm_may_be_destroyed(
    recorder: Recorder,
) -> None:
    cloud = cloud_of([["1"]])
    handle = PluginHandle(Hooks(Kind.ASSIGNMENT, "Backend agreeable", Agreeable()))
    backend = Backend(AssignmentSettings("agreeable", backend="agreeable"), handle)
    change = Change(cloud, Permit(), Requester("portal", "request"))
    order = AssignOrder(VmReference("1"), "ada", "app", lease=0.001)
    await Assigner(recorder, NO_CLOUDS).begin(change, backend, order)
    await asyncio.sleep(0.01)

    def lose(connection: Connection) -> Operation:
        """Make a process take an expiry and end, before an operator protects the VM."""
        ((operation_id, _),) = leases.expire_leases(connection, 1)
        (claimed,) = acquire.acquire_due(connection, "gone", {"test": None}, 1)
        assert claimed.id == operation_id
        acquire.reclaim(connection, claimed, "the process that ran the operation has ended")
        vms.protect(connection, VmKey("test", "1", "one"), protected=True)
        (again,) = acquire.acquire_due(connection, recorder.process.id, {"test": None}, 1)
        return again

    operation = await recorder.database.write(lose)
    assert operation.unsettled
    waits = await Releaser(recorder, NO_CLOUDS).resume(operation, cloud, backend)
    assert (waits.state, waits.error_code) == (OperationState.PENDING, "protected")
    held = await _holder(recorder)
    assert held is not None
    assert held.state == AssignmentState.RELEASING
    await backend.close()
    await cloud.close()


async def test_looks_for_a_deletion_come_soon_and_then_less_often(recorder: Recorder) -> None:
    usual = Recorder(recorder.database, recorder.process, StateSettings(Secret("x", plain="")))
    pauses = [usual.delays.confirmation(looks) for looks in range(20)]
    # A VM that disappears within 0.7 s is reported as gone within 1 s.
    assert sum(pauses[:3]) < 1.0
    assert pauses[6] > 2 * pauses[0]
    assert max(pauses) <= 60.0 * 1.2
    assert 120 < sum(pauses[:13]) < 260
