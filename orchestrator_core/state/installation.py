"""Which installation this is, and what holds up everything that it would destroy."""

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
"""The name of the lock on the id, and of what a connection knows of it."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The one row about the whole.

    Attributes:
        id: 12 hexadecimal digits; part of every marker.
        frozen: who froze it and why; empty when nobody did.
        restored: why nothing is destroyed until somebody has looked; empty when nothing
            speaks against it.
    """

    id: str
    frozen: str
    restored: str

    @property
    def held(self) -> str:
        """Why nothing is destroyed at all; empty when things may be."""
        return self.frozen or self.restored


def create(connection: Connection, place: str) -> None:
    """Make the row, if it is not there."""
    connection.execute(
        insert_unless_there(connection.dialect.name, installation).values(
            singleton=1,
            id=secrets.token_hex(_ID_BYTES),
            made_at=now(),
            oldest_reader=1,
            place=place,
        )
    )


def lock_id_shared(connection: Connection) -> str:
    """Return the id; it stays the same before this transaction ends.

    Many starts share a transaction, of which only the first has to ask.
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
    """Wait until nobody counts on the id any more; return since when destroying is held up."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_ID))))
    since: float | None = connection.execute(select(installation.c.restored_at)).scalar_one()
    return since


def read(connection: Connection) -> Installation:
    """Return it."""
    row = connection.execute(select(installation)).one()
    frozen = ""
    if row.frozen_at is not None:
        why = f": {row.frozen_why}" if row.frozen_why else ""
        frozen = f"frozen by {row.frozen_by}{why}"
    restored = row.restored_why or "" if row.restored_at is not None else ""
    return Installation(row.id, frozen, restored)


def check_location(connection: Connection, place: str) -> str:
    """Hold destroying up if the database is not where it was; return why it is held, or nothing.

    A copy that was started somewhere else knows of VMs that are not its own, and one that was
    moved may be older than its clouds.
    """
    hold_if_moved(connection, place)
    return read(connection).restored


MOVED: Final = "the database is not where it was; it may be a copy or a backup"


def is_moved(connection: Connection, place: str) -> bool:
    """Whether the database is not where it was; nothing is changed."""
    was: str = connection.execute(select(installation.c.place)).scalar_one()
    return was != place


def hold_if_moved(connection: Connection, place: str) -> bool:
    """Hold destroying up if the database is not where it was; whether that was not known yet."""
    held = connection.execute(
        update(installation)
        .where(installation.c.place != place, installation.c.restored_at.is_(None))
        .values(
            restored_at=now(),
            restored_why=MOVED,
        )
    )
    return bool(held.rowcount)


def hold(connection: Connection, why: str) -> None:
    """Destroy nothing from now on, until :func:`confirm`.

    Since when is kept where it was seen before: what was started after that is this copy's own.
    """
    since = func.coalesce(installation.c.restored_at, now())
    connection.execute(update(installation).values(restored_at=since, restored_why=why))


def doubt(connection: Connection, why: str) -> None:
    """As :func:`hold`; the first reason stays."""
    connection.execute(
        update(installation)
        .where(installation.c.restored_at.is_(None))
        .values(restored_at=now(), restored_why=why)
    )


def confirm(connection: Connection, place: str, *, new_id: bool) -> None:
    """Let things be destroyed again; the database belongs where it is now.

    Args:
        connection: of a transaction.
        place: where that is.
        new_id: whether it is an installation of its own from now on: what the original has
            started is not its.
    """
    values: dict[str, object] = {"restored_at": None, "restored_why": None, "place": place}
    if new_id:
        values["id"] = secrets.token_hex(_ID_BYTES)
    connection.execute(update(installation).values(values))
    connection.info.pop(_ID, None)


def freeze(connection: Connection, who: str, why: str) -> str:
    """Destroy nothing from now on, until :func:`thaw`; return by whom it was frozen before.

    A reason that was given before is kept where none is given now.
    """
    before = read(connection).frozen
    if before and not why:
        return before
    connection.execute(
        update(installation).values(frozen_at=now(), frozen_by=who, frozen_why=why or None)
    )
    return before


def thaw(connection: Connection) -> str:
    """Let things be destroyed again; return by whom it was frozen."""
    before = read(connection).frozen
    connection.execute(update(installation).values(frozen_at=None, frozen_by=None, frozen_why=None))
    return before
