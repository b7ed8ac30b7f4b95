"""The runner of the core's migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, update

from orchestrator_core.state import installation
from orchestrator_core.state.database import Database
from orchestrator_core.state.schema import check_new, check_released, current
from orchestrator_core.state.tables import installation as installation_table

_SCRIPTS: Final = Path(__file__).with_name("migrations")

_LOCK: Final = 7_305_812_204
"""The number of PostgreSQL's advisory lock for upgrades; any constant number would do."""


def upgrade(database: Database) -> tuple[int | None, int]:
    """Upgrade a database to the newest schema; return the numbers of the old and the new schema.

    Several processes may call this at the same time: one upgrades the database, and the others
    then have nothing to do.

    Raises:
        SettingsError: The database is damaged, another program's, or older than the first release.
    """
    return database.write_now(lambda connection: _upgrade(connection, database))


def lock(connection: Connection) -> None:
    """Keep other processes from running migrations until this transaction ends.

    SQLite needs no lock of its own for that: it has only one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def configuration(connection: Connection, versions: Path = _SCRIPTS / "versions") -> Config:
    """Return Alembic's configuration for running the revisions in a folder."""
    config = Config(attributes={"connection": connection})
    for option, value in (
        ("script_location", str(_SCRIPTS)),
        ("path_separator", "newline"),
        ("version_locations", str(versions)),
    ):
        config.set_main_option(option, value.replace("%", "%%"))
    return config


def _upgrade(connection: Connection, database: Database) -> tuple[int | None, int]:
    lock(connection)
    before = current(connection)
    if before is None:
        check_new(connection)
    check_released(connection, before)
    config = configuration(connection)
    command.upgrade(config, "head")
    scripts: ScriptDirectory = config.attributes["scripts"]  # as migrations/env.py has read it
    head = scripts.get_current_head()
    assert head is not None
    installation.create(connection, database.place_within(connection))
    connection.execute(
        update(installation_table).values(
            oldest_reader=getattr(scripts.get_revision(head).module, "oldest_reader", int(head))
        )
    )
    return before, int(head)
