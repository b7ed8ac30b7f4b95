"""Destructions that are recorded with the start of their VM, so that no crash leaves it behind."""

from __future__ import annotations

from sqlalchemy import Connection

from orchestrator_core.broker.ledger import assignments, vms
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.kinds import STOP
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.broker.states import VmState
from orchestrator_core.model import Node


def schedule_destruction(  # noqa: PLR0913 - the VM, who asks, why and when
    connection: Connection,
    start: Operation,
    node: Node,
    requester: Requester,
    *,
    cause: str,
    after: float = 0.0,
) -> None:
    """Record that a started VM is to be destroyed; no caller can claim it any more.

    Do nothing for a VM that is being destroyed already, or that an operator has found and assigned
    before.

    Args:
        connection: The connection of the caller's transaction.
        start: The operation that started the VM.
        node: The VM, which has a row.
        requester: The requester of the destruction.
        cause: The cause, which is recorded with the destruction.
        after: The seconds after which a durable worker destroys the VM.
    """
    row = vms.lock(connection, start.cloud, node.id)
    if row is None or row.state != VmState.PRESENT:
        return
    if assignments.holding(connection, start.cloud, node.id) is not None:
        return
    vms.set_state(connection, start.cloud, node.id, VmState.RELEASING)
    parameters = {"node": node.id, "hostname": node.name, "cause": cause}
    inserts.schedule(connection, STOP.draft(start.cloud, requester, parameters, node.id), after)
