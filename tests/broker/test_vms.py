"""The rows of VMs, where several transactions meet on one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from orchestrator_core.broker import destroying, ledger, orphans, recording, records, vms
from orchestrator_core.broker.operation import (
    Draft,
    Operation,
    OperationState,
    Progress,
    Requester,
    Step,
)
from orchestrator_core.broker.vm import AssignmentState, Claim, VmKey, VmOrigin, VmState
from orchestrator_core.errors import Refused
from orchestrator_core.model import AssignRequest, Vm
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import vms as rows
from orchestrator_core.state.upgrade import upgrade
from tests.databases import MakeUrl, waits_for_a_row
from tests.stateful import wait_for

VM = VmKey("sky", "7", "seven")
SINCE = 1.0
WHO = Requester("ops", "r")


@pytest.fixture
def database(postgres: MakeUrl) -> Iterator[Database]:
    """A database where two may write at the same time."""
    database = Database(postgres(), Path())
    upgrade(database)
    yield database
    database.close()


def hold(connection: Connection, asked_ago: float = 0.0) -> None:
    wanted = AssignRequest(VM.cloud, Vm(0, VM.node_id, "seven"), "u", "app")
    claimed = Claim(wanted, "given", WHO, time.monotonic() - asked_ago, AssignmentState.ACTIVE)
    ledger.claim(connection, claimed)


def start(connection: Connection) -> None:
    vms.started(connection, VM, "0" * 32, SINCE)


def lives(connection: Connection) -> list[bool]:
    return vms.lives(connection, VM)


def test_a_vm_whose_end_is_just_being_written_is_not_made_again(database: Database) -> None:
    """Who was told of a VM by the list may destroy it before its start is told of it."""
    database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    with database.engine.connect() as first, first.begin() as ending:
        vms.set_state(first, VM.cloud, VM.node_id, VmState.GONE)
        with ThreadPoolExecutor(1) as thread:
            starting = thread.submit(database.write_now, start)
            wait_for(lambda: waits_for_a_row(database), bool)
            ending.commit()
            starting.result()
    assert database.read_now(lives) == [False]


def test_a_vm_whose_end_was_undone_is_started(database: Database) -> None:
    database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    with database.engine.connect() as first, first.begin() as ending:
        vms.set_state(first, VM.cloud, VM.node_id, VmState.GONE)
        with ThreadPoolExecutor(1) as thread:
            starting = thread.submit(database.write_now, start)
            wait_for(lambda: waits_for_a_row(database), bool)
            ending.rollback()
            starting.result()
    row = database.read_now(lambda c: vms.get(c, VM.cloud, VM.node_id))
    assert row is not None
    assert row.origin == VmOrigin.STARTED


def test_a_vm_that_is_just_being_given_to_somebody_is_no_orphan_any_more(
    database: Database,
) -> None:
    database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    with database.engine.connect() as first, first.begin() as giving:
        hold(first)
        with ThreadPoolExecutor(1) as thread:
            destroying = thread.submit(database.write_now, lambda c: orphans.destroy(c, VM, WHO))
            wait_for(lambda: waits_for_a_row(database), bool)
            giving.commit()
            with pytest.raises(Refused, match="is assigned to u for app"):
                destroying.result()
    row = database.read_now(lambda c: vms.get(c, VM.cloud, VM.node_id))
    assert row is not None
    assert (row.state, row.origin) == (VmState.PRESENT, VmOrigin.GIVEN)


@pytest.fixture
def any_database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, Path())
    upgrade(database)
    yield database
    database.close()


def test_a_vm_that_has_gone_since_it_was_looked_at_is_given_to_nobody(
    any_database: Database,
) -> None:
    def ended_two_seconds_ago(connection: Connection) -> None:
        vms.note(connection, VM, VmOrigin.GIVEN)
        vms.set_state(connection, VM.cloud, VM.node_id, VmState.GONE)
        connection.execute(update(rows).values(gone_at=now() - 2.0))

    any_database.write_now(ended_two_seconds_ago)
    with pytest.raises(Refused, match="was destroyed meanwhile"):
        any_database.write_now(lambda c: hold(c, asked_ago=60.0))
    assert any_database.read_now(lives) == [False]
    # A cloud that shows it again afterwards is believed.
    any_database.write_now(hold)
    assert sorted(any_database.read_now(lives)) == [False, True]


def test_a_refused_stop_does_not_free_what_another_is_about_to_destroy(
    any_database: Database,
) -> None:
    draft = Draft("stop_vm", VM.cloud, Step.DESTROY, WHO, {}, 60.0, VM.node_id)

    def both(connection: Connection) -> list[Operation]:
        vms.note(connection, VM, VmOrigin.GIVEN)
        vms.set_state(connection, VM.cloud, VM.node_id, VmState.DESTROYING)
        return [recording.record(connection, draft, "p" * 32) for _ in range(2)]

    def refuse(operation: Operation) -> VmState:
        def work(connection: Connection) -> VmState:
            failed = Progress(OperationState.FAILED, operation.step, error_code="conflict")
            records.progress(connection, operation, failed)
            destroying.give_back(connection, operation)
            row = vms.get(connection, VM.cloud, VM.node_id)
            assert row is not None
            return VmState(row.state)

        return any_database.write_now(work)

    first, second = any_database.write_now(both)
    assert refuse(second) is VmState.DESTROYING
    with pytest.raises(Refused, match="being released or destroyed"):
        any_database.write_now(hold)
    assert refuse(first) is VmState.PRESENT
    any_database.write_now(hold)
