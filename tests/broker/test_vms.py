"""The rows of VMs, where several transactions meet on one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select, update

from orchestrator_core.broker.ledger import assignments, destruction, vms
from orchestrator_core.broker.ledger.markers import marker_of
from orchestrator_core.broker.ledger.vm import Cause, Claim, VmKey, VmOrigin
from orchestrator_core.broker.operations import inserts, updates
from orchestrator_core.broker.operations.operation import Draft, Operation, Progress, Requester
from orchestrator_core.broker.orphans import orphans
from orchestrator_core.broker.states import (
    AssignmentState,
    EndReason,
    OperationState,
    Step,
    VmState,
)
from orchestrator_core.errors import Refused
from orchestrator_core.model import AssignRequest, Node, Vm
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import vms as rows
from tests.databases import waits_for_a_row
from tests.stateful import wait_for

VM = VmKey("sky", "7", "seven")
SINCE = 1.0
WHO = Requester("ops", "r")


def hold(connection: Connection, asked_ago: float = 0.0) -> None:
    wanted = AssignRequest(VM.cloud, Vm(0, VM.node_id, "seven"), "u", "app")
    claimed = Claim(wanted, "given", WHO, time.monotonic() - asked_ago, AssignmentState.ACTIVE)
    assignments.claim(connection, claimed)


def start(connection: Connection) -> None:
    vms.started(connection, VM, "0" * 32, SINCE)


def lives(connection: Connection) -> list[bool]:
    return [row.gone_at is None for row in vms.ever(connection, VM)]


@pytest.mark.parametrize("ended", [True, False])
def test_a_start_waits_for_an_end_that_is_just_being_written(
    postgres_database: Database, *, ended: bool
) -> None:
    """A caller who found the VM in a list may destroy it before its start is recorded."""
    postgres_database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    with postgres_database.engine.connect() as first, first.begin() as ending:
        vms.set_state(first, VM.cloud, VM.node_id, VmState.GONE)
        with ThreadPoolExecutor(1) as thread:
            starting = thread.submit(postgres_database.write_now, start)
            wait_for(lambda: waits_for_a_row(postgres_database), bool)
            (ending.commit if ended else ending.rollback)()
            starting.result()
    assert postgres_database.read_now(lives) == [not ended]
    row = postgres_database.read_now(lambda c: vms.get(c, VM.cloud, VM.node_id))
    assert ended or (row is not None and row.origin == VmOrigin.STARTED)


def test_a_vm_that_is_being_assigned_is_no_orphan_any_more(
    postgres_database: Database,
) -> None:
    postgres_database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    with postgres_database.engine.connect() as first, first.begin() as giving:
        hold(first)
        with ThreadPoolExecutor(1) as thread:
            destroying = thread.submit(
                postgres_database.write_now, lambda c: orphans.destroy(c, VM, WHO)
            )
            wait_for(lambda: waits_for_a_row(postgres_database), bool)
            giving.commit()
            with pytest.raises(Refused, match="is assigned to u for app"):
                destroying.result()
    row = postgres_database.read_now(lambda c: vms.get(c, VM.cloud, VM.node_id))
    assert row is not None
    assert (row.state, row.origin) == (VmState.PRESENT, VmOrigin.GIVEN)


def test_a_stop_of_a_vm_that_is_written_off_in_that_moment_is_refused(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row would never end, and would block the next VM of that id."""
    note, endings = vms.note, [VmState.GONE]
    postgres_database.write_now(lambda c: note(c, VM, VmOrigin.GIVEN))

    def note_and_lose(connection: Connection, vm: VmKey, origin: VmOrigin) -> bool:
        new = note(connection, vm, origin)
        if endings:
            state = endings.pop()
            with postgres_database.engine.begin() as other:
                vms.set_state(other, vm.cloud, vm.node_id, state)
        return new

    monkeypatch.setattr(vms, "note", note_and_lose)
    clock = postgres_database.read_now(lambda c: c.execute(select(now())).scalar_one())
    for since in (None, clock):
        with pytest.raises(Refused, match="has been destroyed"):
            postgres_database.write_now(
                partial(vms.note_and_lock, vm=VM, origin=VmOrigin.GIVEN, since=since)
            )
    assert postgres_database.read_now(lives) == [False]


def test_a_start_that_succeeds_while_its_cloud_is_looked_through_makes_no_orphan(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = Draft("start_vm", VM.cloud, Step.START, WHO, {}, 60.0)
    operation = postgres_database.write_now(lambda c: inserts.record(c, draft, "p" * 32))
    ever = vms.ever

    def ever_and_succeed(connection: Connection, vm: VmKey) -> list[Row[Any]]:
        rows = ever(connection, vm)
        with postgres_database.engine.begin() as other:
            done = Progress(OperationState.SUCCEEDED, Step.START, node_id=VM.node_id)
            updates.progress(other, operation, done)
            vms.started(other, VM, operation.id, operation.created_at)
        return rows

    monkeypatch.setattr(vms, "ever", ever_and_succeed)
    node = Node(VM.node_id, "seven", marker=marker_of("a" * 12, operation.id))
    seen = postgres_database.write_now(lambda c: orphans.note(c, VM.cloud, "a" * 12, [node]))
    assert seen == []


def test_a_vm_that_is_gone_since_its_lookup_is_not_assigned(
    database: Database,
) -> None:
    def ended_two_seconds_ago(connection: Connection) -> None:
        vms.note(connection, VM, VmOrigin.GIVEN)
        vms.set_state(connection, VM.cloud, VM.node_id, VmState.GONE)
        connection.execute(update(rows).values(gone_at=now() - 2.0))

    database.write_now(ended_two_seconds_ago)
    with pytest.raises(Refused, match="has been destroyed"):
        database.write_now(lambda c: hold(c, asked_ago=60.0))
    assert database.read_now(lives) == [False]
    # A cloud that shows it again afterwards is believed.
    database.write_now(hold)
    assert sorted(database.read_now(lives)) == [False, True]


def states(connection: Connection) -> tuple[VmState, str | None]:
    row = vms.get(connection, VM.cloud, VM.node_id)
    held = assignments.holding(connection, VM.cloud, VM.node_id)
    assert row is not None
    return VmState(row.state), None if held is None else held.state


def begin(kind: str, step: Step) -> Callable[[Connection], Operation]:
    """Record a stop or a release of the VM, as before the call of the cloud."""

    def work(connection: Connection) -> Operation:
        draft = Draft(kind, VM.cloud, step, WHO, {}, 60.0, VM.node_id)
        operation = inserts.record(connection, draft, "p" * 32)
        stops = step is Step.DESTROY
        held = assignments.holding(connection, VM.cloud, VM.node_id)
        if held is not None:
            to = AssignmentState.ENDED if stops else AssignmentState.RELEASING
            why = EndReason.STOPPED if stops else None
            assignments.move(connection, held, to, Cause(operation_id=operation.id, reason=why))
        state = VmState.DESTROYING if stops else VmState.RELEASING
        vms.set_state(connection, VM.cloud, VM.node_id, state)
        return operation

    return work


def refuse(operation: Operation) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        failed = Progress(OperationState.FAILED, operation.step, error_code="conflict")
        destruction.undo_destroy(connection, updates.progress(connection, operation, failed))

    return work


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_stops_that_are_all_refused_leave_a_vm_to_its_holder(
    database: Database, order: tuple[int, int]
) -> None:
    database.write_now(hold)
    stops = [database.write_now(begin("stop_vm", Step.DESTROY)) for _ in range(2)]
    database.write_now(refuse(stops[order[0]]))
    assert database.read_now(states) == (VmState.DESTROYING, None)
    with pytest.raises(Refused, match="being released or destroyed"):
        database.write_now(hold)
    database.write_now(refuse(stops[order[1]]))
    assert database.read_now(states) == (VmState.PRESENT, AssignmentState.ACTIVE)


def test_a_refused_stop_leaves_a_vm_to_its_release(database: Database) -> None:
    database.write_now(hold)
    database.write_now(begin("release_vm", Step.RELEASE))
    stop = database.write_now(begin("stop_vm", Step.DESTROY))
    database.write_now(refuse(stop))
    assert database.read_now(states) == (VmState.RELEASING, AssignmentState.RELEASING)


def find_nothing(operation: Operation) -> Callable[[Connection], None]:
    """Record that the cloud does not have the VM of a stop."""

    def work(connection: Connection) -> None:
        failed = Progress(OperationState.FAILED, operation.step, error_code="node_not_found")
        ended = updates.progress(connection, operation, failed)
        destruction.write_gone(connection, ended, never_there=True)

    return work


def test_stops_that_find_nothing_leave_no_row_of_a_vm_that_went_between_them(
    database: Database,
) -> None:
    """The second stop leaves the row that it made to the first, which saw the VM go."""
    database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    first = database.write_now(begin("stop_vm", Step.DESTROY))
    database.write_now(lambda c: vms.set_state(c, VM.cloud, VM.node_id, VmState.GONE))
    database.write_now(lambda c: vms.note(c, VM, VmOrigin.GIVEN))
    second = database.write_now(begin("stop_vm", Step.DESTROY))
    database.write_now(find_nothing(second))
    assert sorted(database.read_now(lives)) == [False, True]
    database.write_now(find_nothing(first))
    assert database.read_now(lives) == [False]
