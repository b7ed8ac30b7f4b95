"""Destroying without a server: listings that prove nothing, and callers that leave at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from orchestrator_core import Deadline
from orchestrator_core.broker.changes.destroy import Destroyer
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger import assignments, safety, vms
from orchestrator_core.broker.ledger.vm import Cause, Claim, VmKey
from orchestrator_core.broker.operations import acquire, inserts, updates
from orchestrator_core.broker.operations.change import Change, VmReference
from orchestrator_core.broker.operations.operation import Draft, Operation, Requester
from orchestrator_core.broker.states import (
    AssignmentState,
    EndReason,
    OperationState,
    Step,
    VmState,
)
from orchestrator_core.broker.worker import housekeeping
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import (
    CloudTimeout,
    CloudUnreachable,
    DestroyHeld,
    DestroyLimit,
    NodeNotFound,
    Refused,
    Superseded,
)
from orchestrator_core.model import AssignRequest, Vm
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state import installation, tables
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import assignments as assignment_rows
from tests.broker.conftest import answers, asked, cloud_of, recorder_of
from tests.databases import waits_for_a_row
from tests.stateful import wait_for

pytestmark = pytest.mark.anyio


async def destroyed(
    recorder: Recorder, listings: Sequence[Sequence[str]], attempts: int
) -> Operation:
    """Destroy node 1, which exists at first, and check this many times whether it is gone."""
    cloud = cloud_of([["1"], *listings])
    destroyer = Destroyer(recorder)
    change = Change(cloud, Permit(), Requester("portal", "request"))
    operation = (await destroyer.begin(change, VmReference("1"))).operation
    assert operation is not None
    for _ in range(attempts):
        if operation.final:
            break
        claimed = await recorder.reacquire(operation, None, _patience())
        assert claimed is not None
        operation = await destroyer.resume(claimed, cloud, None)
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
    change = Change(cloud, Permit(), Requester("portal", "request"))
    stopping = asyncio.ensure_future(Destroyer(recorder).begin(change, VmReference("1")))
    while not recorder_is_writing():  # noqa: ASYNC110 - no event reports it
        await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    found = None
    while found is None or not found.final:
        await asyncio.sleep(0.01)
        found = await recorder.database.read(_only_operation)
    assert found.error_code == "caller_left"
    # No listing has shown it, so that no row remains.
    assert await recorder.database.read(lambda c: vms.get(c, "test", "1")) is None
    await cloud.close()


def recorder_is_writing() -> bool:
    """Return whether the recording task has begun; a cancellation after that hits its middle."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return "Recorder._record" in names


def _only_operation(connection: Connection) -> Operation | None:
    found = updates.find(connection, {}, 2, None)
    return found[0] if found else None


async def begun(recorder: Recorder, cloud: Cloud) -> Operation:
    """Have a VM destroyed, which its cloud accepts; return the operation that waits for its end."""
    change = Change(cloud, Permit(), Requester("portal", "request"))
    operation = (await Destroyer(recorder).begin(change, VmReference("1"))).operation
    assert operation is not None
    return operation


async def asked_again(recorder: Recorder, operation: Operation, cloud: Cloud) -> Operation:
    """Continue an operation as if its cloud had to be called once more."""
    claimed = await recorder.reacquire(operation, None, _patience())
    assert claimed is not None
    return await Destroyer(recorder).resume(replace(claimed, step=Step.DESTROY), cloud, None)


def hold(connection: Connection) -> None:
    wanted = AssignRequest("test", Vm(0, "1", "one"), "u", "app")
    requester = Requester("portal", "request")
    assignments.claim(
        connection, Claim(wanted, "given", requester, time.monotonic(), AssignmentState.ACTIVE)
    )


async def test_a_vm_that_is_assigned_meanwhile_is_not_destroyed(recorder: Recorder) -> None:
    cloud = cloud_of([["1"]])
    operation = await begun(recorder, cloud)

    def give_away(connection: Connection) -> None:
        vms.set_state(connection, "test", "1", VmState.PRESENT)
        hold(connection)

    await recorder.database.write(give_away)
    before = len(asked)
    operation = await asked_again(recorder, operation, cloud)
    assert (operation.state, operation.error_code) == (OperationState.PENDING, "already_assigned")
    assert operation.error_message == "Node 1 is now assigned to u, and is kept"
    assert len(asked) == before
    await cloud.close()


async def test_what_another_process_has_taken_over_is_left_to_it(recorder: Recorder) -> None:
    cloud = cloud_of([["1"]])
    operation = await begun(recorder, cloud)
    claimed = await recorder.reacquire(operation, None, _patience())
    assert claimed is not None
    await recorder.database.write(lambda c: acquire.reclaim(c, claimed, "silent"))
    before = len(asked)
    with pytest.raises(Superseded):
        await Destroyer(recorder).resume(replace(claimed, step=Step.DESTROY), cloud, None)
    assert len(asked) == before
    await cloud.close()


@pytest.mark.parametrize("used_again", [False, True])
async def test_what_another_operation_saw_go_is_gone(
    recorder: Recorder, *, used_again: bool
) -> None:
    """This holds although its row, which marked it as our own, has ended or its id was reused."""
    cloud = cloud_of([["1"], []], destroy="own")
    await recorder.database.write(lambda c: vms.adopt(c, VmKey("test", "1"), "0" * 32))
    operation = await begun(recorder, cloud)
    await recorder.database.write(lambda c: vms.set_state(c, "test", "1", VmState.GONE))
    if used_again:
        await recorder.database.write(lambda c: vms.adopt(c, VmKey("test", "1"), "1" * 32))
    before = len(asked)
    operation = await asked_again(recorder, operation, cloud)
    assert operation.state is OperationState.SUCCEEDED
    assert len(asked) == before
    row = await recorder.database.read(lambda c: vms.get(c, "test", "1"))
    assert (row is not None) == used_again
    assert row is None or row.state == VmState.PRESENT
    await cloud.close()


async def test_a_stop_ends_an_assignment_whose_backend_answers_just_then(
    postgres_database: Database,
) -> None:
    """The answer makes the assignment active, which does not need the VM's row."""
    postgres_database.write_now(hold)
    held = postgres_database.read_now(lambda c: assignments.holding(c, "test", "1"))
    assert held is not None
    waiting = {"state": AssignmentState.ASSIGNING.value, "assigned_at": None}
    postgres_database.write_now(lambda c: c.execute(update(assignment_rows).values(waiting)))
    cloud = cloud_of([["1"]])
    for recorder in recorder_of(postgres_database):
        with postgres_database.engine.connect() as first, first.begin() as answering:
            seen = replace(held, state=AssignmentState.ASSIGNING)
            assert assignments.move(first, seen, AssignmentState.ACTIVE, Cause())
            stopping = asyncio.ensure_future(begun(recorder, cloud))
            await asyncio.to_thread(wait_for, lambda: waits_for_a_row(postgres_database), bool)
            answering.commit()
            await stopping
    ended = postgres_database.read_now(lambda c: assignments.get(c, held.id))
    assert ended is not None
    assert (ended.state, ended.end_reason) == (AssignmentState.ENDED, EndReason.STOPPED)
    await cloud.close()


async def test_a_stop_that_finds_nothing_leaves_the_vm_to_one_that_was_not_answered(
    recorder: Recorder,
) -> None:
    """A cloud may show what it has with a delay; the VM cannot be assigned meanwhile."""
    cloud = cloud_of([["1"], ["2"]])
    answers[:] = [CloudTimeout("lost")]
    with pytest.raises(CloudTimeout) as lost:
        await begun(recorder, cloud)
    with pytest.raises(NodeNotFound):
        await begun(recorder, cloud)
    with pytest.raises(Refused, match="being released or destroyed"):
        await recorder.database.write(hold)
    found = await recorder.database.read(lambda c: updates.get(c, lost.value.operation_id or ""))
    assert found is not None
    before = len(asked)
    ended = await asked_again(recorder, found, cloud)
    assert (ended.state, len(asked)) == (OperationState.SUCCEEDED, before)
    await cloud.close()


async def test_the_row_of_a_gone_vm_is_kept_while_an_operation_destroys_it(
    recorder: Recorder,
) -> None:
    cloud = cloud_of([["1"], ["1"], []])
    operation = await begun(recorder, cloud)
    await recorder.database.write(lambda c: vms.set_state(c, "test", "1", VmState.GONE))
    key, settings = VmKey("test", "1"), StateSettings(Secret("(plain)", plain=""), retention=0.0)

    async def swept() -> int:
        await recorder.database.write(lambda c: housekeeping.sweep(c, settings))
        return len(await recorder.database.read(lambda c: vms.ever(c, key)))

    assert await swept() == 1
    await asked_again(recorder, operation, cloud)
    limited = replace(cloud.settings, destroys_per_hour=1)
    with pytest.raises(DestroyLimit):
        await recorder.database.read(lambda c: safety.check_rate(c, limited, recorder.clock))
    assert await swept() == 1  # It counts towards the limit.
    await recorder.database.write(
        lambda c: c.execute(update(tables.vms).values(destroy_started_at=now() - 3600.0))
    )
    assert await swept() == 0
    await cloud.close()


async def test_a_vm_that_the_second_listing_shows_is_not_gone(recorder: Recorder) -> None:
    """The first listing is empty, which proves nothing."""
    cloud = cloud_of([["1"], ["1"], [], ["1", "2"]])
    operation = await begun(recorder, cloud)
    looked = await asked_again(recorder, operation, cloud)
    assert (looked.state, looked.error_code) == (OperationState.PENDING, "still_there")
    await cloud.close()


@pytest.mark.parametrize("later", [False, True])
async def test_a_start_that_is_told_late_brings_no_vm_back(
    recorder: Recorder, *, later: bool
) -> None:
    """The exception is a start recorded after the stop: it has made another VM of that id."""
    cloud = cloud_of([["1"], ["2"]])
    draft = Draft("start_vm", "test", Step.START, Requester("portal", "request"), {}, 60.0)

    async def start() -> Operation:
        return await recorder.database.write(
            lambda c: inserts.record(c, draft, recorder.process.id)
        )

    early = await start()
    await asyncio.sleep(0.005)  # SQLite's clock has milliseconds, and two equal times prove nothing
    operation = await begun(recorder, cloud)
    its = await start() if later else early
    claimed = await recorder.reacquire(operation, None, _patience())
    assert claimed is not None
    key = VmKey("test", "1", "one")
    await recorder.database.write(lambda c: vms.started(c, key, its.id, its.created_at))
    ended = await Destroyer(recorder).resume(claimed, cloud, None)
    assert ended.state is OperationState.SUCCEEDED
    row = await recorder.database.read(lambda c: vms.get(c, "test", "1"))
    assert (row is not None) == later
    await cloud.close()


@pytest.mark.parametrize("why", ["freeze", "protect"])
async def test_what_waits_for_a_repeat_is_not_destroyed_after_it_is_forbidden(
    recorder: Recorder, why: str
) -> None:
    cloud = cloud_of([["1"]])
    answers[:] = [CloudUnreachable("not now", retry_after=0.5, repeat_is_safe=True)]
    before = len(asked)
    stopping = asyncio.ensure_future(begun(recorder, cloud))
    while len(asked) == before:  # noqa: ASYNC110 - a thread
        await asyncio.sleep(0.01)

    def forbid(connection: Connection) -> None:
        if why == "freeze":
            installation.freeze(connection, "operator", "stop it all")
        else:
            vms.protect(connection, VmKey("test", "1"), protected=True)

    await recorder.database.write(forbid)
    with pytest.raises(DestroyHeld if why == "freeze" else Refused):
        await stopping
    assert len(asked) == before + 1
    await cloud.close()
