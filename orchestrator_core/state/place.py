"""Where a database is: the same text for as long as it has not been copied elsewhere."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, Connection, text

_MACHINE = Path("/etc/machine-id")


def sqlite_place(url: URL) -> str:
    """Return the machine and the file.

    The file's own number tells a copy that was moved to its old name from the original. A copy
    that is written over the original keeps it: that one the operator has to report.
    """
    assert url.database is not None
    file = Path(url.database).resolve()
    try:
        machine = _MACHINE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        machine = "unknown"
    return f"sqlite:{machine}:{file}:{file.stat().st_ino}"


def postgresql_place(connection: Connection) -> str:
    """Return the cluster's own number, its timeline and the database within it.

    A timeline begins when a server is promoted: after a restore to a point in time, and after a
    failover to a standby, which may lack the last changes. A physical copy that was started without
    any recovery cannot be told from the original: that one the operator has to report.

    The names of the files of its log begin with the timeline:
    https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
    """
    statement = text(
        "SELECT (SELECT system_identifier FROM pg_control_system()), "
        "left(pg_walfile_name(pg_current_wal_lsn()), 8), "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    system, timeline, database = connection.execute(statement).one()
    return f"postgresql:{system}:{timeline}:{database}"
