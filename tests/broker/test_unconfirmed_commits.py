"""Rows whose commit was not answered, or whose database is away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from orchestrator_core.broker.changes import late_writes
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.operations import acquire, inserts, updates
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import CommitUnconfirmed, StateUnavailable, Superseded
from orchestrator_core.state.database import Database
from orchestrator_core.state.writers import Work
from tests.broker.conftest import cloud_of
from tests.broker.recording import BEAT, DRAFT, SETTLING, WHO, now, record, recorder_with_heartbeat

pytestmark = pytest.mark.anyio


@pytest.fixture
async def recorder(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorder]:
    async for recorder in recorder_with_heartbeat(database, monkeypatch):
        yield recorder


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
