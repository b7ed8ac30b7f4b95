"""Alerts in the log: no durable worker is alive while operations wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, update
from structlog.testing import capture_logs

from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.operation import Draft, Requester
from orchestrator_core.broker.process import alerts
from orchestrator_core.broker.process.alerts import Alerts
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import Step
from orchestrator_core.state import installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, processes

DRAFT = Draft("stop_vm", "sky", Step.DESTROY, Requester("portal", "request"), {}, 60.0, "1")


def told(database: Database, watching: Alerts) -> list[str]:
    with capture_logs() as logs:
        database.write_now(watching.check)
    return [
        ": ".join(str(one[key]) for key in ("event", "why", "waiting") if key in one)
        for one in logs
    ]


def test_that_destroying_is_held_up_is_told_once_and_so_is_its_end(database: Database) -> None:
    watching = Alerts("worker")

    def after(work: Callable[[Connection], object]) -> list[str]:
        database.write_now(work)
        return told(database, watching) + told(database, watching)

    assert told(database, watching) == []
    frozen = ["destruction held: frozen by ada: a look"]
    assert after(lambda c: installation.freeze(c, "ada", "a look")) == frozen
    assert after(lambda c: installation.doubt(c, "old")) == []
    assert after(installation.thaw) == ["destruction held: old"]
    assert after(lambda c: installation.confirm(c, "here", new_id=False)) == ["destruction resumed"]


def test_that_no_durable_worker_is_alive_is_told_once_a_minute_while_something_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(alerts, "uptime", lambda: clock[0])
    watching = Alerts("web")

    def overdue(connection: Connection) -> None:
        inserts.schedule(connection, DRAFT)
        connection.execute(update(operations).values(next_attempt_at=now() - 120.0))

    def later() -> list[str]:
        clock[0] += 60.0
        return told(database, watching)

    assert later() == []
    database.write_now(overdue)
    assert told(database, watching) == []
    assert later() == ["no durable worker running: 1"]
    assert told(database, watching) == []
    assert later() == ["no durable worker running: 1"]
    worker = Process(database, "worker", 30.0)
    worker.start()
    assert later() == []
    database.write_now(lambda c: c.execute(update(processes).values(seen_at=now() - 120.0)))
    assert later() == ["no durable worker running: 1"]
    worker.stop()
