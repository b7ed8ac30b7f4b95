"""Statements on the installation's row: its id, and the holds on destruction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, update

from orchestrator_core.state.clock import now
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import installation

_ID_BYTES: Final = 6
_ID: Final = "installation"
"""The name of the lock on the id, and of the id's entry in ``connection.info``."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The one row of the installation.

    Attributes:
        id: The installation's id: 12 hexadecimal digits, part of every marker.
        frozen: The text that says who froze destruction and why; empty if it is not frozen.
        restored: The reason why an operator must confirm the database before anything is
            destroyed; empty if there is none.
    """

    id: str
    frozen: str
    restored: str

    @property
    def held(self) -> str:
        """The reason why nothing is destroyed; empty if destruction is allowed."""
        return self.frozen or self.restored


def create(connection: Connection, place: str) -> None:
    """Insert the installation's row if it does not exist."""
    connection.execute(
        insert_unless_there(connection.dialect.name, installation).values(
            singleton=1,
            id=secrets.token_hex(_ID_BYTES),
            created_at=now(),
            oldest_reader=1,
            place=place,
        )
    )


def lock_id_shared(connection: Connection) -> str:
    """Return the installation's id, and keep it from changing until this transaction ends.

    Many starts share a transaction, so the id is read once and kept for the transaction.
    """
    transaction = connection.get_transaction()
    kept = connection.info.get(_ID)
    if kept is not None and kept[0] is transaction:
        known: str = kept[1]
        return known
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock_shared(func.hashtext(_ID))))
    found: str = connection.execute(select(installation.c.id)).scalar_one()
    connection.info[_ID] = (transaction, found)
    return found


def lock_id_exclusive(connection: Connection) -> float | None:
    """Keep other transactions from using the id until this one ends; wait for those that use it.

    Returns:
        The time when the database was marked as restored or moved; None if it is not.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_ID))))
    since: float | None = connection.execute(select(installation.c.restored_at)).scalar_one()
    return since


def read(connection: Connection) -> Installation:
    """Return the installation's row."""
    row = connection.execute(select(installation)).one()
    frozen = ""
    if row.frozen_at is not None:
        why = f": {row.frozen_reason}" if row.frozen_reason else ""
        frozen = f"frozen by {row.frozen_by}{why}"
    restored = row.restored_reason or "" if row.restored_at is not None else ""
    return Installation(row.id, frozen, restored)


def check_location(connection: Connection, place: str) -> str:
    """Hold destruction if the database has moved; return why it is under review, or an empty text.

    A copy that was started elsewhere knows VMs that are not its own. A database that was moved may
    be out of date compared with its clouds.
    """
    hold_if_moved(connection, place)
    return read(connection).restored


MOVED: Final = "the database is not where it was; it may be a copy or a backup"


def is_moved(connection: Connection, place: str) -> bool:
    """Return whether the database has moved; change nothing."""
    was: str = connection.execute(select(installation.c.place)).scalar_one()
    return was != place


def hold_if_moved(connection: Connection, place: str) -> bool:
    """Hold destruction if the database has moved; return whether the hold is new."""
    held = connection.execute(
        update(installation)
        .where(installation.c.place != place, installation.c.restored_at.is_(None))
        .values(
            restored_at=now(),
            restored_reason=MOVED,
        )
    )
    return bool(held.rowcount)


def hold(connection: Connection, why: str) -> None:
    """Hold destruction until :func:`confirm`, and replace the reason of an earlier hold.

    The time of an earlier hold is kept: VMs that were started after it are this copy's own.
    """
    since = func.coalesce(installation.c.restored_at, now())
    connection.execute(update(installation).values(restored_at=since, restored_reason=why))


def doubt(connection: Connection, why: str) -> None:
    """Hold destruction until :func:`confirm`; keep the reason of an earlier hold."""
    connection.execute(
        update(installation)
        .where(installation.c.restored_at.is_(None))
        .values(restored_at=now(), restored_reason=why)
    )


def confirm(connection: Connection, place: str, *, new_id: bool) -> None:
    """End the hold on destruction, and record the database's present place as the right one.

    Args:
        connection: The connection of the caller's transaction.
        place: The database's present place.
        new_id: Whether the database becomes an installation of its own, with a new id. VMs that
            the original has started are then not its own.
    """
    values: dict[str, object] = {"restored_at": None, "restored_reason": None, "place": place}
    if new_id:
        values["id"] = secrets.token_hex(_ID_BYTES)
    connection.execute(update(installation).values(values))
    connection.info.pop(_ID, None)


def freeze(connection: Connection, who: str, why: str) -> str:
    """Freeze destruction until :func:`thaw`; return who froze it before and why, or an empty text.

    If destruction is already frozen and ``why`` is empty, nothing changes.
    """
    before = read(connection).frozen
    if before and not why:
        return before
    connection.execute(
        update(installation).values(frozen_at=now(), frozen_by=who, frozen_reason=why or None)
    )
    return before


def thaw(connection: Connection) -> str:
    """End a freeze of destruction; return who froze it and why, or an empty text."""
    before = read(connection).frozen
    connection.execute(
        update(installation).values(frozen_at=None, frozen_by=None, frozen_reason=None)
    )
    return before
