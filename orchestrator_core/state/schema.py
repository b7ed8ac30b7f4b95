"""Which schema the database has, and whether this code can work on it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, MetaData, Table, inspect, select

from orchestrator_core.errors import SettingsError
from orchestrator_core.state.tables import installation

SCHEMA: Final = 3
"""The schema that this code was written for: the number of the newest migration."""

OLDEST: Final = 3
"""The oldest schema that it works on."""

UPGRADE: Final = "run: orchestrator db upgrade"

EMPTY: Final = f"the database is empty; {UPGRADE}"


def current(connection: Connection) -> int | None:
    """Return the number of the database's schema; None when it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    table = Table("alembic_version", MetaData(), autoload_with=connection)
    revision: str | None = connection.execute(select(table.c.version_num)).scalar()
    return None if revision is None else int(revision)


def check(connection: Connection) -> None:
    """Do nothing if this code can work on the database's schema.

    Raises:
        SettingsError: if it cannot, with what to do.
    """
    found = current(connection)
    if found is None:
        raise SettingsError(EMPTY)
    if found < OLDEST:
        raise SettingsError(f"the database has schema {found}, {SCHEMA} is needed; {UPGRADE}")
    if found > SCHEMA:
        oldest = connection.execute(select(installation.c.oldest_reader)).scalar_one()
        if oldest > SCHEMA:
            raise SettingsError(
                f"the database has schema {found}, which this version (schema {SCHEMA}) is too "
                "old for; upgrade vm-orchestrator"
            )
