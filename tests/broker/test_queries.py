"""Operations as plugins see them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, delete, update

from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.operation import Draft, Requester
from orchestrator_core.broker.operations.status import statuses
from orchestrator_core.broker.states import Step, VmState
from orchestrator_core.model import OperationStatus
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations

KNOWN = "0" * 32
START = Draft("start_vm", "sky", Step.START, Requester("ops", "r", None, KNOWN), {}, 60.0)


def record(connection: Connection) -> None:
    """Record a start as the process does that begins it."""
    assert inserts.record(connection, START, "p" * 32).id == KNOWN


def succeed(connection: Connection) -> None:
    vms.started(connection, VmKey("sky", "7", "seven"), KNOWN, 0.0)
    ended = {"state": "succeeded", "owner": None, "node_id": "7", "finished_at": 1.0}
    connection.execute(update(operations).values(ended))


def told(connection: Connection) -> dict[str, OperationStatus]:
    return statuses(connection, [KNOWN, "f" * 32])


def test_a_start_is_told_of_for_as_long_as_its_vm_is_there(database: Database) -> None:
    assert database.read_now(told) == {}
    database.write_now(record)
    assert database.read_now(told) == {KNOWN: OperationStatus("running")}
    database.write_now(succeed)
    there = {KNOWN: OperationStatus("succeeded", "7")}
    assert database.read_now(told) == there
    # Its row is deleted after the retention; the VM's row is not.
    database.write_now(lambda connection: connection.execute(delete(operations)).rowcount)
    assert database.read_now(told) == there
    database.write_now(lambda connection: vms.set_state(connection, "sky", "7", VmState.GONE))
    assert database.read_now(told) == {}


def test_a_vm_that_is_gone_has_no_holder(database: Database) -> None:
    database.write_now(record)
    database.write_now(succeed)
    database.write_now(lambda connection: vms.set_state(connection, "sky", "7", VmState.GONE))
    assert database.read_now(told) == {KNOWN: OperationStatus("succeeded")}


def test_without_a_name_an_operation_gets_one(database: Database) -> None:
    nameless = replace(START, requester=Requester("ops", "r"))
    made = database.write_now(lambda c: inserts.record(c, nameless, "p" * 32).id)
    assert len(made) == 32
    assert made != KNOWN
