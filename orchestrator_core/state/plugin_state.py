"""The access of plugins to the database."""

from __future__ import annotations

from typing import Final, TypeVar

from sqlalchemy import ColumnElement

from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.guard_transaction import guard_transaction
from orchestrator_core.state.writers import Work

T = TypeVar("T")

_NOW: Final = now()


class PluginState:
    """The implementation of :class:`~orchestrator_core.State` on the core's own connections.

    Args:
        database: The core's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def now(self) -> ColumnElement[float]:
        """The time by the database's clock, for use in a statement."""
        return _NOW

    def read(self, work: Work[T]) -> T:
        """Run statements that change nothing."""
        return self._open().read_now(guard_transaction(work))

    def write(self, work: Work[T]) -> T:
        """Run statements in one transaction."""
        return self._open().write_now(guard_transaction(work))

    def _open(self) -> Database:
        if self._database.closed:
            raise StateUnavailable
        return self._database
