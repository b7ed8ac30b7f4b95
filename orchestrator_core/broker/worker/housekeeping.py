"""Deletion of old rows, a limited number at a time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, and_, delete, or_, select

from orchestrator_core.broker.ledger import safety
from orchestrator_core.broker.ledger.vm import VmOrigin
from orchestrator_core.broker.operations import keys, updates
from orchestrator_core.broker.orphans import orphans
from orchestrator_core.broker.process import process
from orchestrator_core.broker.states import VmState
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import assignments, operations, vms

_MOST: Final = 1000
"""Number of rows of one kind that one transaction deletes at most."""

_DEAD_FOR: Final = 86_400.0
"""Seconds for which the row of a dead process is kept."""


def sweep(connection: Connection, settings: StateSettings) -> None:
    """Delete rows that were kept for long enough; never delete a row that has not ended."""
    keys.forget_old(connection)
    updates.forget_finished(connection, settings.retention, _MOST)
    process.forget_dead(connection, _DEAD_FOR)
    _forget_assignments(connection, settings.retention)
    _forget_vms(connection, settings.retention)
    orphans.forget_ignored(connection, settings.retention)
    clock_hold.forget_anchors(connection, _DEAD_FOR)


def _forget_assignments(connection: Connection, keep: float) -> None:
    old = select(assignments.c.id).where(assignments.c.ended_at < now() - keep).limit(_MOST)
    connection.execute(delete(assignments).where(assignments.c.id.in_(old.scalar_subquery())))


def _forget_vms(connection: Connection, keep: float) -> None:
    """Delete the rows of VMs that are gone, and of nodes that no listing has ever shown.

    A node without a listing need not exist: a caller may have named it, or an external backend may
    have assigned it.
    """
    held = select(assignments.c.vm_id).where(assignments.c.vm_id == vms.c.id)
    # An unfinished operation still needs the row: only ``gone_at`` tells its VM from a later VM
    # with the same id.
    meant = select(operations.c.id).where(
        operations.c.cloud == vms.c.cloud,
        operations.c.node_id == vms.c.node_id,
        operations.c.finished_at.is_(None),
    )
    named_alone = and_(
        vms.c.gone_at.is_(None),
        vms.c.state == VmState.PRESENT.value,
        vms.c.origin == VmOrigin.GIVEN.value,
        vms.c.seen_at.is_(None),
        ~vms.c.protected,
        vms.c.created_at < now() - keep,
    )
    old = (
        select(vms.c.id)
        .where(or_(vms.c.gone_at < now() - keep, named_alone), ~held.exists(), ~meant.exists())
        # The hourly limit counts destructions by these rows, even if the keep is shorter.
        .where(~safety.counts(vms.c.destroy_started_at))
        .limit(_MOST)
    )
    connection.execute(delete(vms).where(vms.c.id.in_(old.scalar_subquery())))
