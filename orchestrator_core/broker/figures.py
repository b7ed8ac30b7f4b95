"""Figures of the whole installation for ``/metrics``, read from the database in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Select, case, func, select, text

from orchestrator_core.metrics import catalogue
from orchestrator_core.metrics.catalogue import Spec
from orchestrator_core.state import clock_hold, installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import (
    assignments,
    operations,
    orphan_scans,
    orphans,
    processes,
    vms,
)

_LONGEST: Final = 2000
"""The milliseconds after which PostgreSQL ends a statement of a scrape."""

_SOON: Final = (300, 3600)
"""The seconds within which leases are counted as ending."""

Figures = Mapping[Spec, Mapping[tuple[str, ...], float]]


def read(connection: Connection, process_timeout: float) -> Figures:
    """Return all figures by their labels.

    Args:
        connection: the transaction.
        process_timeout: the seconds of silence after which a process counts as dead.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = {_LONGEST}"))
    return {
        **_operations(connection),
        catalogue.VMS: _counts(connection, vms.c.cloud, vms.c.state, vms.c.gone_at.is_(None)),
        catalogue.ASSIGNMENTS: _counts(
            connection, assignments.c.cloud, assignments.c.state, assignments.c.ended_at.is_(None)
        ),
        catalogue.LEASES: _leases(connection),
        catalogue.ORPHANS: _counts(
            connection, orphans.c.cloud, orphans.c.reason, orphans.c.ignored_at.is_(None)
        ),
        **_scans(connection),
        **_processes(connection, process_timeout),
        catalogue.HELD: {(): float(bool(installation.read(connection).held))},
        catalogue.CLOCK: {(): float(bool(clock_hold.read(connection).reason))},
    }


def _counts(connection: Connection, one: Any, other: Any, those: Any) -> dict[tuple[str, ...], int]:
    query = select(one, other, func.count()).where(those).group_by(one, other)
    return {(first, second): count for first, second, count in connection.execute(query)}


def _operations(connection: Connection) -> Figures:
    table = operations.c
    overdue = now() - func.min(case((table.state == "pending", table.next_attempt_at)))
    query = (
        select(table.kind, table.state, func.count(), now() - func.min(table.created_at), overdue)
        .where(table.finished_at.is_(None))
        .group_by(table.kind, table.state)
    )
    rows = connection.execute(query).all()
    lag = max((late for *_, late in rows if late is not None), default=0.0)
    return {
        catalogue.OPERATIONS: {(kind, state): count for kind, state, count, *_ in rows},
        catalogue.OPERATION_AGE: {(kind, state): max(0.0, age) for kind, state, _, age, _ in rows},
        catalogue.WORKER_LAG: {(): max(0.0, lag)},
    }


def _leases(connection: Connection) -> dict[tuple[str, ...], float]:
    table = assignments.c
    left = table.lease_expires_at - now()
    counted = [func.sum(case((left <= within, 1), else_=0)) for within in (0, *_SOON)]
    query: Select[Any] = (
        select(table.cloud, *counted)
        .where(table.ended_at.is_(None), table.lease_expires_at.is_not(None))
        .group_by(table.cloud)
    )
    found: dict[tuple[str, ...], float] = {}
    for cloud, *counts in connection.execute(query):
        found |= {(cloud, str(within)): n for within, n in zip((0, *_SOON), counts, strict=True)}
    return found


def _scans(connection: Connection) -> Figures:
    table = orphan_scans.c
    query = select(table.cloud, now() - table.ended_at, table.error_message).where(
        table.ended_at.is_not(None)
    )
    rows = connection.execute(query).all()
    return {
        catalogue.SCAN_AGE: {(cloud,): max(0.0, age) for cloud, age, _ in rows},
        catalogue.SCAN_FAILED: {(cloud,): float(error is not None) for cloud, _, error in rows},
    }


def _processes(connection: Connection, timeout: float) -> Figures:
    table = processes.c
    since = now() - table.seen_at
    query = select(
        table.kind, func.sum(case((since <= timeout, 1), else_=0)), func.min(since)
    ).group_by(table.kind)
    rows = connection.execute(query).all()
    least = min((seen for kind, _, seen in rows if kind == "worker"), default=None)
    silent: dict[tuple[str, ...], float] = {} if least is None else {(): max(0.0, least)}
    return {
        catalogue.PROCESSES: {(kind,): alive for kind, alive, _ in rows},
        catalogue.WORKER_SILENT: silent,
    }
