"""What operators decide about operations and VMs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from orchestrator_core.broker.handlers import HANDLERS
from orchestrator_core.broker.ledger import leases
from orchestrator_core.broker.operations import acquire, updates
from orchestrator_core.broker.operations.kinds import KNOWN_STEPS
from orchestrator_core.broker.operations.operation import Requester
from orchestrator_core.errors import Conflict, NotFound, OrchestratorError
from orchestrator_core.state import installation

_NOT_OURS: Final = "the leases of this copy are the original's"

_SEEN_WITHIN: Final = 60.0
"""Seconds of silence after which a process is certainly not in the middle of a start."""


def retry(connection: Connection, operation_id: str) -> None:
    """Have an operation that waits or is paused tried at once.

    Raises:
        NotFound: when there is no such operation.
        Conflict: when it runs just now, or has ended.
    """
    if not updates.make_due(connection, operation_id):
        raise _nothing_to_decide(connection, operation_id)


def abandon(connection: Connection, operation_id: str, who: Requester, why: str) -> None:
    """End an operation that waits or is paused.

    The VM that it would have destroyed stays as it is, and is nobody's.

    Args:
        connection: of a transaction.
        operation_id: which one.
        who: decides so.
        why: for the record.

    Raises:
        NotFound: when there is no such operation.
        Conflict: when it runs just now, or has ended, or its kind is not known here; nothing may
            be committed then.
    """
    operation = updates.abandon(connection, operation_id, f"abandoned by {who.caller}: {why}")
    if operation is None:
        raise _nothing_to_decide(connection, operation_id)
    if (operation.kind, operation.step) not in KNOWN_STEPS:
        raise Conflict(
            f"This version does not know {operation.kind} at step {operation.step}: abandon "
            "it with the version of the server that recorded it"
        )
    HANDLERS[operation.kind].abandon(connection, operation, who)


def _nothing_to_decide(connection: Connection, operation_id: str) -> OrchestratorError:
    found = updates.get(connection, operation_id)
    if found is None:
        return NotFound(f"There is no operation {operation_id!r}")
    if found.final:
        return Conflict(f"Operation {operation_id} has ended: it is {found.state}")
    return Conflict(f"Operation {operation_id} runs just now; try again")


def detach_copy(connection: Connection, who: Requester) -> None:
    """Let this copy of an installation be one of its own, beside the original.

    Every assignment goes on without a lease, and says so in its history; one that waits for its
    release because its lease has run out goes on, too. A start
    that is settled from now on finds no VM of the original's; so what this copy has started by
    itself has to be settled before.

    Raises:
        Conflict: when nobody has said or seen that it is a copy, something is worked on just
            now, or has to be settled; nothing is changed then.
    """
    copied_at = installation.lock_id_exclusive(connection)
    if copied_at is None:
        raise Conflict(
            "Nothing says that this database is a copy: it is where it was. If it is one all the "
            "same, say so first: orchestrator db restored"
        )
    leases.drop_all(connection, who, _NOT_OURS)
    for operation in leases.not_released(connection):
        if operation.unsettled:
            raise Conflict(
                f"Operation {operation.id} releases a VM whose lease has run out, and may have "
                "begun: wait until it is settled, or abandon it"
            )
        abandon(connection, operation.id, who, _NOT_OURS)
    for operation_id in acquire.in_flight(connection, "start_vm", _SEEN_WITHIN):
        raise _nothing_to_decide(connection, operation_id)
    for operation_id in updates.unfinished(connection, "start_vm", copied_at):
        raise Conflict(
            f"Operation {operation_id} is a start that is not settled yet: wait until it is, or "
            "abandon it"
        )
