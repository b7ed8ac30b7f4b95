"""The record of the last backup that ``orchestrator db backup`` has made of a database."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, insert, select, text

from orchestrator_core.state import schema
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import installation, last_backup

_SINCE: Final = 5
"""The first schema with the table."""


@dataclass(frozen=True, slots=True)
class Backups:
    """The backups of a database, as far as the database knows of them.

    Attributes:
        age: the seconds since the last one; None without one.
        target: its file, as the command was told.
        host: the machine on which it was made.
        database_age: the seconds since the database was made.
        archived: the seconds since PostgreSQL last archived a part of its log, which physical
            backups need; None if it does not archive.
    """

    age: float | None
    target: str
    host: str
    database_age: float
    archived: float | None


def record(connection: Connection, target: Path) -> bool:
    """Record that a backup was made just now; return False if the schema has no place for it."""
    if not _has_table(connection):
        return False
    connection.execute(delete(last_backup))
    values = {"singleton": 1, "target": str(target.absolute()), "host": socket.gethostname()}
    connection.execute(insert(last_backup).values(made_at=now(), **values))
    return True


def read(connection: Connection) -> Backups | None:
    """Return the backups that a database knows of; None if its schema has no place for them."""
    if not _has_table(connection):
        return None
    found = connection.execute(
        select(now() - last_backup.c.made_at, last_backup.c.target, last_backup.c.host)
    ).one_or_none()
    age, target, host = found or (None, "", "")
    made = connection.execute(select(now() - installation.c.created_at)).scalar_one()
    return Backups(age, target, host, made, _archived(connection))


def _has_table(connection: Connection) -> bool:
    return (schema.current(connection) or 0) >= _SINCE


def _archived(connection: Connection) -> float | None:
    """Return the seconds since the last archived part of PostgreSQL's log; None without one.

    Source: https://www.postgresql.org/docs/current/monitoring-stats.html (pg_stat_archiver).
    """
    if connection.dialect.name == "sqlite":
        return None
    seconds = "extract(epoch FROM clock_timestamp() - last_archived_time)"
    found = connection.execute(text(f"SELECT {seconds} FROM pg_stat_archiver")).scalar_one()  # noqa: S608 - a constant
    return None if found is None else float(found)
