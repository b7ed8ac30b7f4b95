"""An operation in the database, with a recorder whose process has a short heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.operations import updates
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Draft, Operation, Requester
from orchestrator_core.broker.process import process as processes
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import Step
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.database import Database
from tests.broker.conftest import cloud_of

WHO = Requester("portal", "request")
DRAFT = Draft("stop_vm", "test", Step.DESTROY, WHO, {"node": "1"}, 60.0, "1")
BEAT = 0.2
SETTLING = 0.3


async def recorder_with_heartbeat(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Recorder]:
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
