"""Grace periods and limits that use the database's clock, while that clock jumps.

A web worker does not check the clock before it serves a caller, so the values on which it relies
must tolerate a jump themselves.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, update

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.visibility import _has_young, _is_young
from orchestrator_core.broker.ledger import assignments, destruction, safety
from orchestrator_core.broker.ledger.vm import Assignment
from orchestrator_core.broker.operations import inserts, updates
from orchestrator_core.broker.operations.change import Change, VmReference
from orchestrator_core.broker.operations.operation import Draft, KeyUse, Operation, Requester
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import Step
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import DestroyLimit, KeyInUse
from orchestrator_core.settings.model import CloudSettings, StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock import now
from orchestrator_core.state.clock_watch import UNKNOWN_JUMP
from orchestrator_core.state.tables import assignments as assignment_rows
from orchestrator_core.state.tables import operations, vms
from tests.broker.conftest import cloud_of
from tests.broker.test_clock import HOUR, Moved, beat, hold_a_vm, moved, watching

__all__ = ["moved"]

VISIBILITY = 60.0
TOLERATED = 290.0

CLOUD = CloudSettings("sky", driver="test", destroys_per_hour=1, visibility_timeout=VISIBILITY)


def jumped(moved: Moved, process: Process, seconds: float, *, confirmed: bool) -> None:
    moved.move(seconds)
    beat(process)
    if confirmed:
        moved.do(clock_hold.confirm)
        beat(process)


JUMPS = pytest.mark.parametrize(
    ("seconds", "confirmed"), [(TOLERATED, False), (3 * HOUR, False), (3 * HOUR, True)]
)


def started(connection: Connection) -> None:
    row = {"cloud": "test", "node_id": "1", "origin": "started", "state": "present", "name": "one"}
    connection.execute(insert(vms).values(**row, generation=0, protected=False, created_at=now()))


def attempt(connection: Connection) -> Operation:
    """Record an operation on that VM whose attempt begins now."""
    draft = Draft("stop_vm", "test", Step.DESTROY, Requester("c", "r"), {}, HOUR, "1")
    operation_id = inserts.schedule(connection, draft)
    connection.execute(
        update(operations)
        .where(operations.c.id == operation_id)
        .values(attempt_started_at=now(), attempts=1)
    )
    found = updates.get(connection, operation_id)
    assert found is not None
    return found


@JUMPS
def test_a_jump_is_remembered_for_as_long_as_asked(
    moved: Moved, *, seconds: float, confirmed: bool
) -> None:
    process = watching(moved, "web")
    assert moved.do(lambda c: process.clock.gained(c, HOUR)) == 0
    jumped(moved, process, seconds, confirmed=confirmed)
    assert moved.do(lambda c: process.clock.gained(c, HOUR)) == pytest.approx(seconds, abs=2.0)


def test_a_jump_counts_before_the_next_heartbeat(moved: Moved) -> None:
    process = watching(moved, "web")
    moved.move(HOUR)
    assert moved.do(lambda c: process.clock.gained(c, 1.0)) == pytest.approx(HOUR, abs=2.0)


def test_a_jump_back_and_a_clock_that_goes_well_count_nothing(moved: Moved) -> None:
    process = watching(moved, "web")
    beat(process)
    moved.move(-HOUR)
    assert moved.do(lambda c: process.clock.gained(c, HOUR)) == 0


def test_a_process_that_has_compared_nothing_does_not_trust_a_clock_in_doubt(moved: Moved) -> None:
    process = watching(moved, "web")
    moved.move(HOUR)
    beat(process)
    late = Process(moved.database, "web", 30.0)
    late.clock._machine = "another machine"
    assert moved.do(lambda c: late.clock.gained(c, HOUR)) == UNKNOWN_JUMP


@JUMPS
def test_a_jump_does_not_lift_the_limit_of_destroys(
    moved: Moved, *, seconds: float, confirmed: bool
) -> None:
    process = watching(moved, "web")
    row = {"cloud": "sky", "node_id": "1", "origin": "given", "state": "destroying"}
    began = now() - (HOUR - 60.0)  # One minute of its hour is left.
    moved.do(
        lambda c: c.execute(
            insert(vms).values(
                **row, generation=0, protected=False, created_at=began, destroy_started_at=began
            )
        )
    )
    jumped(moved, process, seconds, confirmed=confirmed)
    with pytest.raises(DestroyLimit) as limited:
        moved.do(lambda c: safety.check_rate(c, CLOUD, process.clock))
    assert limited.value.retry_after == pytest.approx(60.0, abs=10.0)


def test_the_limit_of_destroys_ends_after_an_hour(moved: Moved) -> None:
    process = watching(moved, "web")
    row = {"cloud": "sky", "node_id": "1", "origin": "given", "state": "destroying"}
    began = now() - (HOUR + 1.0)
    moved.do(
        lambda c: c.execute(
            insert(vms).values(
                **row, generation=0, protected=False, created_at=began, destroy_started_at=began
            )
        )
    )
    moved.do(lambda c: safety.check_rate(c, CLOUD, process.clock))


@JUMPS
def test_a_vm_that_was_just_started_stays_young(
    moved: Moved, *, seconds: float, confirmed: bool
) -> None:
    """Otherwise a VM that its cloud does not show yet would count as gone, and run on unnoticed."""
    process = watching(moved, "web")
    moved.do(started)
    jumped(moved, process, seconds, confirmed=confirmed)
    operation = moved.do(attempt)
    assert moved.do(lambda c: destruction.is_young(c, operation, VISIBILITY, process.clock))


def test_a_vm_is_young_no_longer_than_its_clouds_visibility(moved: Moved) -> None:
    process = watching(moved, "web")
    moved.do(started)
    moved.do(lambda c: c.execute(update(vms).values(created_at=now() - VISIBILITY - 1)))
    operation = moved.do(attempt)
    assert not moved.do(lambda c: destruction.is_young(c, operation, VISIBILITY, process.clock))


@pytest.mark.anyio
@JUMPS
async def test_a_caller_waits_for_a_young_vm_and_a_lost_start_is_looked_for_in_spite_of_a_jump(
    moved: Moved, *, seconds: float, confirmed: bool
) -> None:
    process = watching(moved, "web")
    recorder = Recorder(moved.database, process, StateSettings(Secret("(plain)", plain="")))
    cloud = cloud_of([["1"]])
    cloud.settings = replace(cloud.settings, visibility_timeout=VISIBILITY)
    moved.do(started)
    lost = moved.do(attempt)
    jumped(moved, process, seconds, confirmed=confirmed)
    assert not moved.do(lambda c: _has_young(c, "test", VmReference("1"), VISIBILITY))
    assert await _is_young(recorder, cloud, VmReference("1"))
    assert lost.attempt_started_at is not None
    later = replace(lost, attempt_started_at=lost.attempt_started_at + seconds)
    assert await recorder.delays.search(later, VISIBILITY) is not None
    await cloud.close()


def test_no_lease_has_run_out_for_who_asks_again_while_the_clock_is_in_doubt(moved: Moved) -> None:
    process = watching(moved, "web")
    moved.do(lambda c: hold_a_vm(c, HOUR))
    held = moved.do(lambda c: Assignment(**c.execute(assignment_rows.select()).one()._asdict()))
    moved.move(2 * HOUR)
    beat(process)
    assert not moved.do(lambda c: assignments.has_expired(c, held))
    moved.do(clock_hold.confirm)
    assert moved.do(lambda c: assignments.has_expired(c, held))


@pytest.mark.anyio
async def test_a_key_stands_for_its_operation_after_a_jump_that_no_heartbeat_has_seen(
    moved: Moved,
) -> None:
    """Otherwise a request that is repeated in these seconds would start a second VM."""
    process = watching(moved, "web")
    recorder = Recorder(moved.database, process, StateSettings(Secret("(plain)", plain="")))
    cloud = cloud_of([["1"]])
    who = Requester("c", "r", KeyUse("POST", "/p", "k", "d", 60.0))
    draft = Draft("start_vm", "test", Step.START, who, {}, 60.0)
    await recorder.record(Change(cloud, Permit(), who), draft, lambda *_: None)
    moved.move(HOUR)
    with pytest.raises(KeyInUse):
        await recorder.record(Change(cloud, Permit(), who), draft, lambda *_: None)
    await recorder.drain()
    await cloud.close()
