"""The place of a database: a text that stays the same until the database is copied elsewhere."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, Connection, text

from orchestrator_core.process_identity import machine_id


def sqlite_place(url: URL) -> str:
    """Return the place of an SQLite database: the machine, the path and the file's inode number.

    The inode number distinguishes the original from a copy that was moved to the original's name.
    A copy that was written over the original keeps the number, so the operator has to report it.
    """
    assert url.database is not None
    file = Path(url.database).resolve()
    return f"sqlite:{machine_id()}:{file}:{file.stat().st_ino}"


def postgresql_place(connection: Connection) -> str:
    """Return the place of a PostgreSQL database: its cluster's id, the timeline and its own id.

    A timeline begins when a server is promoted. This happens after a restore to a point in time,
    and after a failover to a standby, which may lack the last changes. A physical copy that was
    started without recovery looks like the original, so the operator has to report it.

    The names of PostgreSQL's WAL files begin with the timeline:
    https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
    """
    statement = text(
        "SELECT (SELECT system_identifier FROM pg_control_system()), "
        "left(pg_walfile_name(pg_current_wal_lsn()), 8), "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    system, timeline, database = connection.execute(statement).one()
    return f"postgresql:{system}:{timeline}:{database}"
