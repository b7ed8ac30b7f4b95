"""VMs of starts that were refused after the cloud had made something.

A refusal may come from a later step than the creation: the tags, a network, a disk. Its VM is not
what was asked for and no caller was told of it, so that it is destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from orchestrator_core.broker.ledger import assignments, vms
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.kinds import STOP
from orchestrator_core.broker.operations.operation import Attempt, Operation, Requester
from orchestrator_core.broker.states import Step, VmState
from orchestrator_core.errors import OrchestratorError, RequestError, Unsupported
from orchestrator_core.model import Node

_OURSELVES: Final = Requester("orchestrator", "half_made")
_CAUSE: Final = {"cause": "half_made"}


def refusal(attempts: Sequence[Attempt]) -> tuple[str, str] | None:
    """Return code and message of the refusal that a start's first attempt ended with.

    Args:
        attempts: of the start, in their order.

    Returns:
        None when it ended otherwise: its answer was lost, or the cloud failed.
    """
    first = attempts[0] if attempts else None
    if first is None or first.step != Step.START or first.error_code not in _refusals():
        return None
    return first.error_code or "", first.error_message or ""


def _refusals() -> set[str]:
    """Return the codes of errors by which a start is refused, those of plugins' own too."""
    found: set[str] = set()
    waiting: list[type[OrchestratorError]] = [RequestError, Unsupported]
    while waiting:
        error = waiting.pop()
        found.add(error.code)
        waiting += error.__subclasses__()
    return found


def explain(message: str, node: Node, *, destroyed: bool) -> str:
    """Return what the operation of a refused start says whose VM was found."""
    what = "is being destroyed" if destroyed else "still runs; this cloud destroys none"
    return f"{message}; the cloud had made node {node.id} of it all the same, which {what}"


def write(connection: Connection, start: Operation, node: Node, *, destroy: bool) -> None:
    """Write down a half-made VM as our own, and have a durable worker destroy it.

    Args:
        connection: of a transaction.
        start: the operation that made it.
        node: the VM.
        destroy: whether the cloud can.
    """
    key = VmKey(start.cloud, node.id, node.name)
    vms.started(connection, key, start.id, start.made_at)
    row = vms.lock(connection, key.cloud, key.node_id)
    if not destroy or row is None or row.state != VmState.PRESENT:
        return
    if assignments.holding(connection, key.cloud, key.node_id) is not None:
        return  # an operator has found it before, and given it to somebody
    vms.set_state(connection, key.cloud, key.node_id, VmState.RELEASING)
    parameters = {"node": node.id, "hostname": node.name, **_CAUSE}
    inserts.schedule(connection, STOP.draft(key.cloud, _OURSELVES, parameters, node.id))
