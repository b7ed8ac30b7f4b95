"""The operations of a process: those in its rows, and those that it really runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, select, text, update
from structlog.testing import capture_logs

from orchestrator_core import CloudDescription, Node
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.start import Starter
from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.operations import acquire, attempts, updates
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.process import process as processes
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import StateUnavailable, Superseded
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import installation, operations
from orchestrator_core.uptime import uptime
from tests.broker.conftest import cloud_of
from tests.broker.recording import BEAT, DRAFT, SETTLING, WHO, now, record, recorder_with_heartbeat

pytestmark = pytest.mark.anyio


@pytest.fixture
async def recorder(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorder]:
    async for recorder in recorder_with_heartbeat(database, monkeypatch):
        yield recorder


async def reclaim(recorder: Recorder, operation: Operation) -> None:
    while (await now(recorder, operation)).state is OperationState.RUNNING:  # noqa: ASYNC110 - a row
        await asyncio.sleep(BEAT)
    assert (await now(recorder, operation)).error_code == "process_lost"


async def test_a_change_that_fails_between_two_steps_is_let_go(recorder: Recorder) -> None:
    async def change() -> Operation:
        operation = await record(recorder)
        raise RuntimeError(operation.id)

    with pytest.raises(RuntimeError) as failed:
        await asyncio.ensure_future(change())
    found = await recorder.database.read(lambda c: updates.get(c, str(failed.value)))
    assert found is not None
    await reclaim(recorder, found)


async def test_what_goes_on_after_its_change_is_kept_until_it_ends(recorder: Recorder) -> None:
    end = asyncio.Event()

    async def work(operation: Operation) -> Operation:
        await end.wait()
        return operation

    async def change() -> Operation:
        operation = await record(recorder)
        recorder.go_on(operation, work(operation))
        return operation

    operation = await asyncio.ensure_future(change())
    await asyncio.sleep(2 * (SETTLING + BEAT))
    assert (await now(recorder, operation)).state is OperationState.RUNNING
    end.set()
    await reclaim(recorder, operation)


async def test_what_is_taken_again_waits_for_room_in_its_cloud(recorder: Recorder) -> None:
    waiting, other = await record(recorder), await record(recorder)
    due = Progress(OperationState.PENDING, Step.CONFIRM)
    waiting = await recorder.progress(waiting, due)
    assert await recorder.reacquire(waiting, 1, Deadline(0.2)) is None
    taking = asyncio.ensure_future(recorder.reacquire(waiting, 1, Deadline(30.0)))
    await asyncio.sleep(0.02)
    await recorder.progress(other, Progress(OperationState.SUCCEEDED, Step.CONFIRM))
    taken = await taking
    assert taken is not None
    assert (taken.id, taken.state) == (waiting.id, OperationState.RUNNING)


async def test_who_was_silent_for_too_long_has_lost_what_it_was_about_to_begin(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds although its next heartbeat renews its registration."""
    permit = recorder.permit()
    permit.begin()
    monkeypatch.setattr(processes, "uptime", lambda: uptime() + 60.0)
    for _ in range(200):
        try:
            recorder.permit().begin()
        except StateUnavailable:
            await asyncio.sleep(BEAT)
        else:
            break
    with pytest.raises(StateUnavailable):
        permit.begin()
    recorder.permit().begin()


async def test_who_was_buried_alive_has_lost_what_it_was_about_to_begin(
    recorder: Recorder,
) -> None:
    permit = recorder.permit()
    me = recorder.process.id
    await recorder.database.write(lambda c: processes.remove_dead(c, [me]))
    while me not in await recorder.database.read(_names):  # noqa: ASYNC110 - a row
        await asyncio.sleep(BEAT)
    with pytest.raises(StateUnavailable):
        permit.begin()


def _names(connection: Connection) -> list[object]:
    return [one["id"] for one in processes.all_processes(connection)]


async def test_a_server_that_is_another_by_now_is_noticed_while_we_serve(
    postgres_database: Database,
) -> None:
    """The database was restored, or a standby has replaced it: the pool reconnects silently."""
    postgres_database.write_now(lambda c: c.execute(update(installation).values(place="old")))
    process = Process(postgres_database, "web", 5 * BEAT)
    process.start()
    while not await postgres_database.read(_held):  # noqa: ASYNC110 - a row
        await asyncio.sleep(BEAT)
    await asyncio.to_thread(process.stop)


def _held(connection: Connection) -> str:
    return connection.execute(select(installation.c.restored_reason)).scalar_one() or ""


async def test_a_heartbeat_over_an_emptied_database_is_logged_in_one_line(
    postgres_database: Database,
) -> None:
    process = Process(postgres_database, "web", 5 * BEAT)
    process.start()
    with capture_logs() as logs:
        await postgres_database.write(lambda c: c.execute(text("DROP SCHEMA public CASCADE")))
        while not any(one["event"] == "heartbeat failed" for one in logs):  # noqa: ASYNC110
            await asyncio.sleep(BEAT / 4)
        await asyncio.to_thread(process.stop)
    failed = next(one for one in logs if one["event"] == "heartbeat failed")
    reason = '(psycopg.errors.UndefinedTable) relation "processes" does not exist'
    assert (failed["log_level"], failed["why"]) == ("warning", reason)
    assert logs[-1]["event"] == "process row not deleted"
    assert not any("exc_info" in one for one in logs)


async def test_what_a_busy_event_loop_hears_of_late_is_not_given_up(recorder: Recorder) -> None:
    inserts = asyncio.ensure_future(record(recorder))
    for _ in range(5):
        await asyncio.sleep(0)  # until its statements have reached their thread
    time.sleep(SETTLING + 4 * BEAT)  # noqa: ASYNC251 - the loop must block
    operation = await inserts
    found = await now(recorder, operation)
    assert (found.state, found.fence) == (OperationState.RUNNING, 1)


@pytest.mark.parametrize("ended", [False, True])
async def test_which_vm_a_start_has_made_is_known_although_another_one_goes_on_with_it(
    recorder: Recorder, *, ended: bool
) -> None:
    """A start that was recorded as failed is the exception: a scan finds its VM as an orphan."""
    start = replace(DRAFT, kind="start_vm", step=Step.START, node_id=None)
    cloud = cloud_of([])
    operation = await recorder.record(Change(cloud, Permit(), WHO), start, lambda *_: None)
    if ended:
        await recorder.progress(operation, Progress(OperationState.FAILED, Step.START))
    else:
        await recorder.database.write(lambda c: acquire.reclaim(c, operation, "gone"))
    node = Node("4711", "x")
    with pytest.raises(Superseded):
        await Starter(recorder)._succeeded(operation, CloudDescription("test", "Test"), node)
    found = await now(recorder, operation)
    row = await recorder.database.read(lambda c: vms.get(c, "test", "4711"))
    assert (found.node_id, row is not None) == ((None, False) if ended else ("4711", True))
    await cloud.close()


async def test_what_is_held_for_long_fills_no_history(recorder: Recorder) -> None:
    operation = await record(recorder)
    for code in ("destroy_held", "destroy_held", "destroy_held", "destroy_limit"):
        made = Progress(OperationState.PENDING, Step.DESTROY, error_code=code, error_message="no")
        operation = await recorder.progress(operation, made)
        taken = await recorder.reacquire(operation, None, Deadline(5.0))
        assert taken is not None
        operation = taken
    told = await recorder.database.read(lambda c: attempts.of(c, operation.id))
    assert [(one.number, one.error_code) for one in told] == [
        (1, "destroy_held"),
        (4, "destroy_limit"),
    ]


async def test_a_heartbeat_that_is_run_twice_counts_once(recorder: Recorder) -> None:
    """A shared transaction runs again if one of its works has failed."""
    process, database = recorder.process, recorder.database
    operation = await record(recorder)
    await asyncio.to_thread(process.stop)
    await database.write(process._enter)
    started = operation.attempt_started_at
    assert started is not None
    await database.write(
        lambda c: c.execute(
            update(operations)
            .where(operations.c.id == operation.id)
            .values(owner=process.id, state="running", attempt_started_at=started - 60.0)
        )
    )
    generation = (await now(recorder, operation)).fence
    process._running.clear()

    def twice(connection: Connection) -> None:
        process._stay(connection)
        process._stay(connection)

    await asyncio.to_thread(process._beat, twice)
    found = await now(recorder, operation)
    assert (found.state, found.fence) == (OperationState.RUNNING, generation)
    await asyncio.to_thread(process._beat, process._stay)
    assert (await now(recorder, operation)).state is OperationState.PENDING
