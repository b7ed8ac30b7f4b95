"""Decisions of operators about operations and about a copied database."""

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

_NOT_OURS: Final = "the original installation keeps the leases of this copy"

_SEEN_WITHIN: Final = 60.0
"""Seconds without a heartbeat after which a process certainly does not run a start."""


def retry(connection: Connection, operation_id: str) -> None:
    """Make an operation that waits or is paused due at once.

    Raises:
        NotFound: There is no such operation.
        Conflict: The operation is running or has ended.
    """
    if not updates.make_due(connection, operation_id):
        raise _nothing_to_decide(connection, operation_id)


def abandon(connection: Connection, operation_id: str, who: Requester, why: str) -> None:
    """End an operation that waits or is paused.

    The VM that the operation would have destroyed stays as it is, without a holder. If a release
    is still at the step ``release``, the VM goes back to its holder.

    Args:
        connection: The connection of the caller's transaction.
        operation_id: The id of the operation.
        who: The operator who decides.
        why: The reason, which is recorded.

    Raises:
        NotFound: There is no such operation.
        Conflict: The operation is running, has ended, or is of a kind or at a step that this
            version does not know. The caller must not commit the transaction.
    """
    operation = updates.abandon(connection, operation_id, f"abandoned by {who.caller}: {why}")
    if operation is None:
        raise _nothing_to_decide(connection, operation_id)
    if (operation.kind, operation.step) not in KNOWN_STEPS:
        raise Conflict(
            f"This version does not know {operation.kind} at step {operation.step}; abandon it "
            "with the version of the server that recorded it"
        )
    HANDLERS[operation.kind].abandon(connection, operation, who)


def _nothing_to_decide(connection: Connection, operation_id: str) -> OrchestratorError:
    found = updates.get(connection, operation_id)
    if found is None:
        return NotFound(f"There is no operation {operation_id!r}")
    if found.final:
        return Conflict(f"Operation {operation_id} has ended: it is {found.state}")
    return Conflict(f"Operation {operation_id} is running; try again later")


def detach_copy(connection: Connection, who: Requester) -> None:
    """Prepare a copied database to become an installation of its own, beside the original.

    Remove the lease of every assignment, and record that in the assignment's history. Abandon the
    releases of expired leases that have not begun, so that their assignments continue. A start
    that is settled after this does not find VMs with the original's markers. The copy's own starts
    must therefore be settled before.

    Raises:
        Conflict: The database is not known to be a copy, an operation is running, or an operation
            must be settled first. The caller must not commit the transaction.
    """
    copied_at = installation.lock_id_exclusive(connection)
    if copied_at is None:
        raise Conflict(
            "This database is not known to be a copy: it was not moved. If it is a copy, run this "
            "first: orchestrator db restored"
        )
    leases.drop_all(connection, who, _NOT_OURS)
    for operation in leases.not_released(connection):
        if operation.unsettled:
            raise Conflict(
                f"Operation {operation.id} releases a VM with an expired lease and may have begun; "
                "wait until it is settled, or abandon it"
            )
        abandon(connection, operation.id, who, _NOT_OURS)
    for operation_id in acquire.in_flight(connection, "start_vm", _SEEN_WITHIN):
        raise _nothing_to_decide(connection, operation_id)
    for operation_id in updates.unfinished(connection, "start_vm", copied_at):
        raise Conflict(
            f"Operation {operation_id} is a start that is not settled yet; wait until it is "
            "settled, or abandon it"
        )
