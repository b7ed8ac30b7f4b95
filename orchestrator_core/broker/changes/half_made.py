"""VMs left behind by starts that the cloud refused after it had created the VM.

The refusal may come from a step after the creation: the tags, a network, a disk. Such a VM is not
what the caller requested, and no caller has received its id. It is therefore destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from orchestrator_core.broker.changes.scheduled import schedule_destruction
from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations.operation import Attempt, Operation, Requester
from orchestrator_core.broker.states import Step
from orchestrator_core.errors import OrchestratorError, RequestError, Unsupported
from orchestrator_core.model import Node

_OURSELVES: Final = Requester("orchestrator", "half_made")
_CAUSE: Final = "half_made"


def refusal(attempts: Sequence[Attempt]) -> tuple[str, str] | None:
    """Return the code and message of the refusal with which a start's first attempt ended.

    Args:
        attempts: the attempts of the start, in order.

    Returns:
        The code and the message; None when the answer was lost, or the cloud failed.
    """
    first = attempts[0] if attempts else None
    if first is None or first.step != Step.START or first.error_code not in _refusals():
        return None
    return first.error_code or "", first.error_message or ""


def _refusals() -> set[str]:
    """Return the codes of all errors that refuse a start, including those of plugins."""
    found: set[str] = set()
    waiting: list[type[OrchestratorError]] = [RequestError, Unsupported]
    while waiting:
        error = waiting.pop()
        found.add(error.code)
        waiting += error.__subclasses__()
    return found


def explain(message: str, node: Node, *, destroyed: bool) -> str:
    """Return the error message of a refused start whose VM was found."""
    what = "is being destroyed" if destroyed else "still runs; this cloud cannot destroy VMs"
    return f"{message}; the cloud made node {node.id} nevertheless, which {what}"


def write(connection: Connection, start: Operation, node: Node, *, destroy: bool) -> None:
    """Record a half-made VM as our own, and schedule its destruction by a durable worker.

    Args:
        connection: the connection of a transaction.
        start: the operation that created the VM.
        node: the VM.
        destroy: whether the cloud supports destroying it.
    """
    vms.started(connection, VmKey(start.cloud, node.id, node.name), start.id, start.created_at)
    if destroy:
        schedule_destruction(connection, start, node, _OURSELVES, cause=_CAUSE)
