"""Housekeeping: ended rows are deleted, and rows that still count are kept."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, update

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.operations import inserts, keys, updates
from orchestrator_core.broker.operations.operation import Draft, KeyUse, Requester
from orchestrator_core.broker.states import Step
from orchestrator_core.broker.worker import housekeeping
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state import tables
from orchestrator_core.state.clock import now

pytestmark = pytest.mark.anyio


async def test_an_operation_is_kept_for_as_long_as_a_key_stands_for_it(recorder: Recorder) -> None:
    key = KeyUse("PUT", "/vm/stop", "key", "digest", keep=60.0)
    who = Requester("portal", "request", key)
    draft = Draft("stop_vm", "test", Step.DESTROY, who, {}, 60.0)
    settings = StateSettings(Secret("(plain)", plain=""), retention=0.0)

    def kept(connection: Connection) -> bool:
        housekeeping.sweep(connection, settings)
        return keys.find(connection, who) is not None

    await recorder.database.write(lambda c: inserts.succeeded(c, draft, {}))
    await asyncio.sleep(0.01)
    assert await recorder.database.write(kept)
    await recorder.database.write(
        lambda c: c.execute(update(tables.idempotency_keys).values(expires_at=now()))
    )
    assert not await recorder.database.write(kept)
    assert await recorder.database.read(lambda c: updates.find(c, {}, 10, None)) == []
