"""The operations of a process: those in its rows, and those that it really runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update
from structlog.testing import capture_logs

from orchestrator_core import CloudDescription, Node
from orchestrator_core.broker.changes import late_writes
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.start import Starter
from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.operations import acquire, attempts, inserts, updates
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Draft, Operation, Progress, Requester
from orchestrator_core.broker.process import process as processes
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CommitUnconfirmed, StateUnavailable, Superseded
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import installation, operations
from orchestrator_core.state.writers import Work
from orchestrator_core.uptime import uptime
from tests.broker.conftest import cloud_of

pytestmark = pytest.mark.anyio

WHO = Requester("somebody", "request")
DRAFT = Draft("stop_vm", "test", Step.DESTROY, WHO, {"node": "1"}, 60.0, "1")
BEAT = 0.2
SETTLING = 0.3


@pytest.fixture
async def recorder(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorder]:
    monkeypatch.setattr(processes, "_SETTLING", SETTLING)
    process = Process(database, "web", 5 * BEAT)
    process.start()
    yield Recorder(database, process, StateSettings(Secret("(plain)", plain="")))
    await asyncio.to_thread(process.stop)


async def record(recorder: Recorder) -> Operation:
    cloud = cloud_of([])
    try:
        return await recorder.record(Change(cloud, Permit(), WHO), DRAFT, lambda *_: None)
    finally:
        await cloud.close()


async def now(recorder: Recorder, operation: Operation) -> Operation:
    found = await recorder.database.read(lambda c: updates.get(c, operation.id))
    assert found is not None
    return found


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


@pytest.mark.parametrize("state", [OperationState.SUCCEEDED, OperationState.PENDING])
async def test_what_was_written_although_its_commit_was_not_answered_is_not_written_again(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, state: OperationState
) -> None:
    operation = await record(recorder)
    write, lost = recorder.database.write, [StateUnavailable()]

    async def unanswered(work: Work[Operation]) -> Operation:
        done = await write(work)
        if lost:
            raise lost.pop()
        return done

    monkeypatch.setattr(recorder.database, "write", unanswered)
    made = Progress(state, Step.CONFIRM, answer={"deletion": "done"}, after=60.0)
    ended = await recorder.progress(operation, made)
    assert not lost
    assert ended == await now(recorder, operation)
    assert (ended.state, ended.result) == (state, {"deletion": "done"})
    with pytest.raises(Superseded):
        await recorder.progress(operation, Progress(OperationState.FAILED, Step.CONFIRM))


class Away:
    """A database that is away for as long as the test wants."""

    def __init__(self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
        self._write = recorder.database.write
        self.is_away = True
        monkeypatch.setattr(recorder.database, "write", self.write)
        monkeypatch.setattr(late_writes, "_RETRY_DELAYS", ())
        monkeypatch.setattr(late_writes, "_BACKGROUND_DELAY", 0.01)

    async def write(self, work: Work[Any]) -> Any:
        if self.is_away:
            raise StateUnavailable
        return await self._write(work)


async def test_what_a_cloud_has_told_is_written_down_when_the_database_is_back(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = await record(recorder)
    database = Away(recorder, monkeypatch)
    made = Progress(OperationState.SUCCEEDED, Step.DESTROY, node_id="4711")
    with pytest.raises(StateUnavailable):
        await recorder.progress(operation, made)
    await asyncio.sleep(3 * BEAT + SETTLING)
    assert (await now(recorder, operation)).state is OperationState.RUNNING
    database.is_away = False
    while (found := await now(recorder, operation)).state is OperationState.RUNNING:  # noqa: ASYNC110 - a row
        await asyncio.sleep(0.01)
    assert (found.state, found.node_id) == (OperationState.SUCCEEDED, "4711")


async def test_a_server_that_stops_does_not_wait_for_a_database_that_is_away(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = await record(recorder)
    Away(recorder, monkeypatch)
    with pytest.raises(StateUnavailable):
        await recorder.progress(operation, Progress(OperationState.SUCCEEDED, Step.DESTROY))
    await asyncio.wait_for(recorder.drain(), 10)


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


class BreaksInTheCommit:
    """A database that makes one commit without answering, and is away after that."""

    def __init__(self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, *, back: bool) -> None:
        self._database = recorder.database
        self._write, self._read = recorder.database.write, recorder.database.read
        self.is_away = self.is_lost = False
        self._back = back
        monkeypatch.setattr(recorder.database, "write", self.write)
        monkeypatch.setattr(recorder.database, "read", self.read)
        monkeypatch.setattr(late_writes, "_RETRY_DELAYS", (0.01, 0.01))
        monkeypatch.setattr(late_writes, "_BACKGROUND_DELAY", 0.01)

    async def write(self, work: Work[Any]) -> Any:
        if self.is_away:
            raise StateUnavailable
        done = await self._write(work)
        if not self.is_lost:
            self.is_lost, self.is_away = True, not self._back
            raise CommitUnconfirmed
        return done

    async def read(self, work: Work[Any]) -> Any:
        if self.is_away:
            raise StateUnavailable
        return await self._read(work)


async def test_a_record_whose_commit_was_not_answered_is_found_and_gone_on_with(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    BreaksInTheCommit(recorder, monkeypatch, back=True)
    operation = await record(recorder)
    assert await now(recorder, operation) == operation


async def test_no_process_begins_a_change_that_was_reported_as_not_recorded(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop must not be carried out after its caller got an error."""
    database, undone = BreaksInTheCommit(recorder, monkeypatch, back=False), []
    cloud = cloud_of([])
    change = Change(cloud, Permit(), replace(WHO, operation_id="f" * 32))
    draft = replace(DRAFT, requester=change.requester)
    with pytest.raises(StateUnavailable):
        await recorder.record(change, draft, lambda _, operation: undone.append(operation.id))
    database.is_away = False
    await recorder.drain()
    found = await recorder.database.read(lambda c: updates.get(c, "f" * 32))
    assert found is not None
    assert (found.state, found.error_code) == (OperationState.FAILED, "state_unavailable")
    assert undone == ["f" * 32]
    await cloud.close()


async def test_what_is_done_with_its_record_is_found_after_a_commit_that_was_not_answered(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An assignment or a renewal is then answered as a success."""
    BreaksInTheCommit(recorder, monkeypatch, back=True)
    cloud = cloud_of([])
    change = Change(cloud, Permit(), WHO)

    def work(connection: Connection) -> tuple[Operation, str]:
        done = inserts.succeeded(connection, DRAFT, {"done": True}, recorder.process.id)
        return done, "told"

    operation, told = await recorder.record_done(change, work)
    assert told == "told"
    assert (await now(recorder, operation)).state is OperationState.SUCCEEDED
    await cloud.close()


async def test_what_waits_and_was_taken_by_another_process_was_recorded_all_the_same(
    recorder: Recorder,
) -> None:
    """The commit succeeded, its answer was lost, and another process was faster."""
    operation = await record(recorder)
    waits = Progress(OperationState.PENDING, Step.DESTROY, error_code="cloud_timeout")
    other = replace(waits, error_code="cloud_unreachable")
    await recorder.progress(operation, waits)
    taken = await recorder.database.write(
        lambda c: acquire.acquire_due(c, "another", {"test": None}, 1)
    )
    assert [one.id for one in taken] == [operation.id]
    again = await recorder.progress(operation, waits)
    assert (again.id, again.owner) == (operation.id, "another")
    with pytest.raises(Superseded):
        await recorder.progress(operation, other)


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
