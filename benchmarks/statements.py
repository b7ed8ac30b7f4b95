"""The statements of an assign and a release alone, through SQLAlchemy, one after the other."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from sqlalchemy import Connection

from orchestrator_core.broker.ledger import assignments, vms
from orchestrator_core.broker.ledger.vm import Cause, Claim
from orchestrator_core.broker.operations import inserts, updates
from orchestrator_core.broker.operations.operation import Draft, Operation, Progress, Requester
from orchestrator_core.broker.states import AssignmentState, OperationState, Step, VmState
from orchestrator_core.model import AssignRequest, Vm
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade

_WHO = Requester("anonymous", "request")
_PROCESS = "0" * 32


def pairs_per_second(url: str, seconds: float) -> float:
    """Return the pairs that one thread writes per second, in three transactions each."""
    database = Database(url, Path())
    upgrade(database)
    begun = time.perf_counter()
    done = 0
    for number in itertools.count():
        if time.perf_counter() - begun >= seconds:
            break
        _pair(database, str(number))
        done += 1
    rate = done / (time.perf_counter() - begun)
    database.close()
    return rate


def _pair(database: Database, node: str) -> None:
    with database.engine.begin() as connection:
        _assign(connection, node)
    with database.engine.begin() as connection:
        release = _take(connection, node)
    with database.engine.begin() as connection:
        _end(connection, release, node)


def _assign(connection: Connection, node: str) -> None:
    wanted = AssignRequest("cloud", Vm(node, node, node), "u", "app")
    told = {"id": 0, "id_vm": node, "result": f"Node {node} assigned"}
    claim = Claim(wanted, "given", _WHO, time.monotonic(), AssignmentState.ACTIVE, told)
    assignment, _ = assignments.claim(connection, claim)
    answer = {**told, "assignment": assignment.id, "generation": assignment.generation}
    draft = Draft("assign_vm", "cloud", Step.ASSIGN, _WHO, {"node": node}, 60.0, node)
    inserts.succeeded(connection, draft, answer, _PROCESS)


def _take(connection: Connection, node: str) -> Operation:
    draft = Draft("release_vm", "cloud", Step.RELEASE, _WHO, {"node": node}, 60.0, node)
    operation = inserts.record(connection, draft, _PROCESS)
    vms.lock(connection, "cloud", node)
    held = assignments.holding(connection, "cloud", node)
    assert held is not None
    cause = Cause(_WHO, operation.id)
    assignments.move(connection, held, AssignmentState.RELEASING, cause)
    operation = updates.set_assignment(connection, operation, held.id)
    vms.set_state(connection, "cloud", node, VmState.RELEASING)
    return operation


def _end(connection: Connection, operation: Operation, node: str) -> None:
    pending = Progress(
        OperationState.PENDING, Step.DESTROY, answer={"result": f"Node {node} released"}
    )
    written = updates.progress(connection, operation, pending)
    assignment = assignments.of_operation(connection, written)
    assert assignment is not None
    assignments.move(connection, assignment, AssignmentState.ENDED, Cause(reason="released"))
