"""Statements that take and free places, each in its own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Executable, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator_core import Call, State
from orchestrator_policy.tables import callers, reservations


@dataclass(frozen=True, slots=True)
class Place:
    """A place that is taken; ``age`` is in seconds by the database's clock."""

    operation_id: str
    age: float


class Places:
    """The places of one section of the settings. Every method blocks.

    Args:
        section: The section's name.
        state: The database.
    """

    def __init__(self, section: str, state: State) -> None:
        self._section = section
        self._state = state

    def take(self, call: Call, limit: int) -> Sequence[Place] | None:
        """Take a place for a call's caller; if none is free, return the places that are taken."""
        whose = {"section": self._section, "cloud": call.cloud, "caller": call.caller}

        def work(connection: Connection) -> Sequence[Place] | None:
            _lock(connection, whose)
            taken = self._taken(connection, whose)
            if len(taken) >= limit:
                return taken
            row = {**whose, "operation_id": call.operation_id, "reserved_at": self._state.now}
            connection.execute(insert(reservations).values(row))
            return None

        return self._state.write(work)

    def tie(self, operation_id: str, node_id: str | None) -> None:
        """Record which VM an operation's place is for."""
        values = {"node_id": node_id}
        self._run(update(reservations).where(*self._mine(operation_id)).values(values))

    def free(self, *operation_ids: str) -> None:
        """Free the places of these operations."""
        self._run(delete(reservations).where(*self._mine(*operation_ids)))

    def free_vm(self, cloud: str, node_id: str) -> None:
        """Free the place of a VM, whichever caller started it."""
        its = (reservations.c.cloud == cloud, reservations.c.node_id == node_id)
        self._run(delete(reservations).where(reservations.c.section == self._section, *its))

    def _run(self, statement: Executable) -> None:
        def work(connection: Connection) -> None:
            connection.execute(statement)

        self._state.write(work)

    def _mine(self, *operation_ids: str) -> tuple[ColumnElement[bool], ...]:
        of_section = reservations.c.section == self._section
        return of_section, reservations.c.operation_id.in_(operation_ids)

    def _taken(self, connection: Connection, whose: dict[str, str]) -> Sequence[Place]:
        # A statement counts what was committed before it began. This one begins after the lock is
        # held, so it counts every place that was taken before.
        age = self._state.now - reservations.c.reserved_at
        query = select(reservations.c.operation_id, age).where(
            *(reservations.c[name] == value for name, value in whose.items())
        )
        return [Place(*row) for row in connection.execute(query)]


def _lock(connection: Connection, whose: dict[str, str]) -> None:
    """Prevent other transactions from counting a caller's places until this one ends."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(callers).values(whose).on_conflict_do_nothing())
    row = select(callers).where(*(callers.c[name] == value for name, value in whose.items()))
    connection.execute(row.with_for_update())
