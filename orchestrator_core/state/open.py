"""Opens the database that the settings name, and sees to its schema."""

from __future__ import annotations

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.faults import settings_error
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import base_directory
from orchestrator_core.state import schema
from orchestrator_core.state.database import Database


def open_database(settings: Settings) -> Database:
    """Return the database of ``[state]``.

    Raises:
        SettingsError: when there is none, or it cannot be used.
    """
    if settings.state is None:
        raise settings_error(
            [(("state",), 'is missing; url = "sqlite:///var/orchestrator.db" would be one')],
            settings.file,
            settings.origins,
        )
    try:
        return Database(settings.state.url.reveal(), base_directory(settings.file))
    except (SettingsError, ValueError) as error:
        fault = (("state", "url"), str(error))
        raise settings_error([fault], settings.file, settings.origins) from None


def ensure(database: Database) -> None:
    """Make the schema of a database that is empty; refuse one that must be upgraded.

    Raises:
        SettingsError: with what to do.
    """
    if database.read_now(schema.current) is None:
        # Alembic is needed by nobody else in a server.
        from orchestrator_core.state.upgrade import upgrade  # noqa: PLC0415

        upgrade(database)
    database.read_now(schema.check)
