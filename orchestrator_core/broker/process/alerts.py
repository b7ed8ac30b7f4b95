"""Alerts in the log about conditions that an operator must know of."""

from __future__ import annotations

from typing import Final

import structlog
from sqlalchemy import Connection, func, select

from orchestrator_core.broker.ledger import leases
from orchestrator_core.broker.operations import acquire
from orchestrator_core.broker.states import OperationState
from orchestrator_core.state import clock_hold, installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import operations
from orchestrator_core.uptime import uptime

_log = structlog.get_logger(__name__)

_PATIENCE: Final = 60.0
"""Seconds for which a due operation may wait, and a durable worker may be silent."""


class Alerts:
    """Checks of the database with each heartbeat, which log the alerts.

    Args:
        kind: the kind of this process. A durable worker reports holds; a web worker reports that
            no durable worker is running.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._held = ""
        self._clock = ""
        self._next = uptime() + _PATIENCE

    def check(self, connection: Connection) -> None:
        """Log the holds that began or ended since the last check, or a missing durable worker."""
        if self._kind == "worker":
            self._log_hold(installation.read(connection).held)
            self._log_clock(clock_hold.read(connection).reason)
        elif uptime() >= self._next:
            self._next = uptime() + _PATIENCE
            _log_missing_worker(connection)

    def _log_hold(self, held: str) -> None:
        if held and held != self._held:
            _log.error("destruction held", why=held)
        elif self._held and not held:
            _log.info("destruction resumed")
        self._held = held

    def _log_clock(self, why: str) -> None:
        if why and why != self._clock:
            _log.error("leases and durable work held", why=why, help="orchestrator db clock")
        elif self._clock and not why:
            _log.info("database clock trusted again")
        self._clock = why


def _log_missing_worker(connection: Connection) -> None:
    if acquire.has_worker(connection, _PATIENCE):
        return
    overdue = select(func.count()).where(
        operations.c.finished_at.is_(None),
        operations.c.state == OperationState.PENDING,
        operations.c.next_attempt_at < now() - _PATIENCE,
    )
    waiting = connection.execute(overdue).scalar_one()
    if waiting or leases.any_expired(connection):
        _log.error(
            "no durable worker running",
            waiting=waiting,
            help="orchestrator worker, or worker = true in [state]",
        )
