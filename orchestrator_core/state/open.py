"""Functions that open the database in the settings and check or make its schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from orchestrator_core.errors import PluginError, SettingsError, StateUnavailable
from orchestrator_core.plugins.migrations import Migrations
from orchestrator_core.plugins.record import PluginRecord, State
from orchestrator_core.settings.faults import settings_error
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import base_directory
from orchestrator_core.settings.source import FILE_VARIABLE
from orchestrator_core.state import installation, plugin_schema, schema
from orchestrator_core.state.database import Database

_log = structlog.get_logger(__name__)


def open_database(settings: Settings, *, logs_failures: bool = True) -> Database:
    """Return the database in the settings' ``[state]``.

    Args:
        settings: The settings.
        logs_failures: Whether its failures are logged; a command prints the reason itself.

    Raises:
        SettingsError: The settings name no database, or it cannot be used.
    """
    if settings.state is None:
        why = 'is missing; add for example url = "sqlite:///var/orchestrator.db"'
        if settings.file is None:
            why = f"is missing, because no settings file is named; use --config or {FILE_VARIABLE}"
        raise settings_error([(("state",), why)], settings.file, settings.origins)
    try:
        return Database(
            settings.state.url.reveal(),
            base_directory(settings.file),
            logs_failures=logs_failures,
        )
    except (SettingsError, ValueError) as error:
        fault = (("state", "url"), str(error))
        raise settings_error([fault], settings.file, settings.origins) from None


def check_ready(database: Database) -> None:
    """Check that this code can work on a database; never make one.

    Raises:
        SettingsError: The code cannot; the message says what to do.
        StateUnavailable: The database cannot be reached.
    """
    if database.untouched:
        raise SettingsError(
            f"there is no database in {database.shown}; if there was one, restore it; if not, "
            f"{schema.UPGRADE}"
        )
    database.read_now(schema.check)


def ensure(database: Database, *, may_make: bool = True) -> None:
    """Make the schema of an empty database; refuse a database that must be upgraded.

    Args:
        database: The database that a process is about to use.
        may_make: Whether a new database may be made.

    Raises:
        SettingsError: This code cannot work on the database; the message says what to do.
        StateUnavailable: There is no database and none may be made, or it cannot be reached.
    """
    if not may_make and database.untouched:
        raise StateUnavailable  # a query would make the file
    if database.read_now(schema.current) is None:
        if not may_make:
            raise StateUnavailable
        # Imported here because nothing else in a server needs Alembic.
        from orchestrator_core.state.upgrade import upgrade  # noqa: PLC0415

        before, _ = upgrade(database)
        database.checkpoint()
        if before is None:
            itself = database.read_now(installation.read)
            _log.info("database created", database=database.shown, installation=itself.id)
    database.read_now(schema.check)


@dataclass(frozen=True, slots=True)
class TableFault:
    """A plugin that cannot use its tables, and the error."""

    record: PluginRecord
    error: PluginError

    def end(self) -> None:
        """Mark the plugin as failed, so that it is not used any more."""
        self.record.end(State.FAILED, "migrations", self.error.message)


def ensure_plugins(database: Database, records: Iterable[PluginRecord]) -> list[TableFault]:
    """Make the tables of plugins that have none yet; return the plugins with unusable tables.

    Raises:
        StateUnavailable: The database cannot be reached.
    """
    faults: list[TableFault] = []
    for record in records:
        if record.state is State.LOADED and record.migrations is not None:
            try:
                _ensure(database, record, record.migrations)
            except PluginError as error:
                _log.error(
                    "plugin tables unusable",
                    plugin=record.label,
                    why=error.message,
                    exc_info=error.__cause__,
                )
                faults.append(TableFault(record, error))
    return faults


def _ensure(database: Database, record: PluginRecord, migrations: Migrations) -> None:
    found = database.read_now(lambda connection: plugin_schema.look(connection, migrations))
    if found.revision is None:
        from orchestrator_core.state.plugin_upgrade import upgrade_plugin  # noqa: PLC0415 - Alembic

        _, found = upgrade_plugin(database, migrations)
        _log.info("plugin tables created", plugin=record.label, revision=found.revision)
    if found.behind:
        raise PluginError(found.description)
    if found.ahead:
        _log.warning("plugin older than its tables", plugin=record.label, why=found.description)
