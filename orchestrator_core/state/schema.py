"""The number of the database's schema, and the check that this code can work on it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, String, column, inspect, select, table

from orchestrator_core.errors import SettingsError
from orchestrator_core.resources import core_version
from orchestrator_core.state.sqlite_file import DAMAGED
from orchestrator_core.state.tables import installation

SCHEMA: Final = 5
"""The schema that this code was written for: the number of the newest migration."""

OLDEST: Final = 4
"""The oldest schema that this code works on."""

FIRST_RELEASED: Final = 4
"""The schema of the first release. The schemas before it were never released, and no migration
leads away from them."""

UPGRADE: Final = "run: orchestrator db upgrade"

_REVISION: Final = table("alembic_version", column("version_num", String)).c.version_num
"""The number in Alembic's own table."""

EMPTY: Final = f"the database is empty; {UPGRADE}"


def current(connection: Connection) -> int | None:
    """Return the number of the database's schema; None if it has none.

    Raises:
        SettingsError: The recorded schema is not a number.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(select(_REVISION)).scalar()
    if revision is None:
        return None
    if not str(revision).isdecimal():
        raise SettingsError(f"the database's schema {revision!r} is not a number: {DAMAGED}")
    return int(revision)


def check_new(connection: Connection) -> None:
    """Check that an SQLite database without this program's tables contains nothing else.

    A damaged first page can hide every table; the remaining data would be overwritten.

    Raises:
        SettingsError: The database contains something.
    """
    if connection.dialect.name != "sqlite":
        return
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    if pages > 1 or inspect(connection).get_table_names():
        raise SettingsError(
            f"the database has no tables of this program, but {pages} pages of other data: it is "
            f"damaged or belongs to another program. If it is damaged, {DAMAGED}. Otherwise name a "
            "new file"
        )


def check_released(connection: Connection, found: int | None) -> None:
    """Check that a database was not made by a version before the first release.

    Args:
        connection: a connection to the database.
        found: the number of its schema; None if it has none.

    Raises:
        SettingsError: The database was; no upgrade of it is possible.
    """
    if found is not None and found < FIRST_RELEASED:
        raise SettingsError(
            f"the database {connection.engine.url.database} has schema {found}, of a version "
            "before the first release; it cannot be upgraded. Release the VMs in it with the "
            "version that made it, then name a new database in [state] url"
        )


def check(connection: Connection) -> None:
    """Check that this code can work on the database's schema.

    Raises:
        SettingsError: The code cannot; the message says what to do.
    """
    found = current(connection)
    if found is None:
        raise SettingsError(EMPTY)
    check_released(connection, found)
    if found < OLDEST:
        raise SettingsError(f"the database has schema {found}, but {SCHEMA} is required; {UPGRADE}")
    if found > SCHEMA:
        oldest = connection.execute(select(installation.c.oldest_reader)).scalar_one()
        if oldest > SCHEMA:
            raise SettingsError(
                f"the database {connection.engine.url.database} has schema {found}, which is too "
                f"new for version {core_version()} (schema {SCHEMA}): install the version that the "
                "other servers on this database have; orchestrator --version shows it there"
            )
