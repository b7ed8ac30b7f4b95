"""The space that a database takes, and how much of it is unused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, text

from orchestrator_core.state.tables import metadata


@dataclass(frozen=True, slots=True)
class Storage:
    """The space of a database.

    Attributes:
        size: bytes, without the log of SQLite.
        unused: bytes of SQLite's file that hold nothing; 0 with PostgreSQL.
        log: bytes of SQLite's log; 0 with PostgreSQL.
        dead: the deleted and the living rows of each of the core's tables in PostgreSQL, as its
            statistics estimate them; nothing with SQLite.
    """

    size: int
    unused: int = 0
    log: int = 0
    dead: Mapping[str, tuple[int, int]] | None = None


def read(connection: Connection) -> Storage:
    """Return the space that a database takes; this changes nothing.

    Sources: https://www.sqlite.org/pragma.html (page_count, freelist_count) and
    https://www.postgresql.org/docs/current/monitoring-stats.html (pg_stat_user_tables).
    """
    return _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)


def _sqlite(connection: Connection) -> Storage:
    def pragma(name: str) -> int:
        return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())

    page = pragma("page_size")
    log = Path(f"{connection.engine.url.database}-wal")
    return Storage(
        size=pragma("page_count") * page,
        unused=pragma("freelist_count") * page,
        log=log.stat().st_size if log.exists() else 0,
    )


def _postgresql(connection: Connection) -> Storage:
    statement = text(
        "SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables "
        "WHERE schemaname = current_schema() AND relname IN :names"
    ).bindparams(bindparam("names", expanding=True))
    rows = connection.execute(statement, {"names": list(metadata.tables)})
    size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return Storage(size, dead={name: (dead, live) for name, dead, live in rows})
