"""Rows that wait for long: work without a process, VMs in between, and records to be deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from orchestrator_core.broker.operations import acquire
from orchestrator_core.broker.states import VmState
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import assignments, operations, vms

_MOST: Final = 5
"""The most VMs of each kind that are named."""

Vms = list[tuple[str, str]]
"""The cloud and the node id of each VM."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows that a working installation does not have.

    Attributes:
        lost: the number of operations whose process has been silent for twice its timeout, and
            that no durable worker has acquired.
        destroying: some VMs that have been in destruction for longer than the patience.
        protected: some protected VMs whose last assignment ended longer than the patience ago.
        overdue: the seconds by which the oldest finished operation has outlived the retention.
    """

    lost: int
    destroying: Vms
    protected: Vms
    overdue: float


def read(
    connection: Connection, process_timeout: float, retention: float, patience: float
) -> Backlog:
    """Return the backlog; this changes nothing.

    Args:
        connection: the transaction.
        process_timeout: the seconds of silence after which a process counts as dead.
        retention: the seconds for which finished operations are kept.
        patience: the seconds for which a VM may be in between.
    """
    oldest = select(now() - func.min(operations.c.finished_at))
    age = connection.execute(oldest).scalar_one()
    return Backlog(
        lost=acquire.count_lost(connection, 2 * process_timeout),
        destroying=_destroying(connection, patience),
        protected=_protected(connection, patience),
        overdue=max(0.0, (age or 0.0) - retention),
    )


def _destroying(connection: Connection, patience: float) -> Vms:
    query = (
        select(vms.c.cloud, vms.c.node_id)
        .where(
            vms.c.state == VmState.DESTROYING.value,
            vms.c.destroy_started_at < now() - patience,
        )
        .order_by(vms.c.destroy_started_at)
        .limit(_MOST)
    )
    return [(cloud, node) for cloud, node in connection.execute(query)]


def _protected(connection: Connection, patience: float) -> Vms:
    of_vm = assignments.c.vm_id == vms.c.id
    is_held = select(assignments.c.id).where(of_vm, assignments.c.ended_at.is_(None)).exists()
    ended = select(func.max(assignments.c.ended_at)).where(of_vm).scalar_subquery()
    query = (
        select(vms.c.cloud, vms.c.node_id)
        .where(vms.c.protected, vms.c.gone_at.is_(None), ~is_held, ended < now() - patience)
        .order_by(vms.c.id)
        .limit(_MOST)
    )
    return [(cloud, node) for cloud, node in connection.execute(query)]
