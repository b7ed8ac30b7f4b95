"""Opens the database that the settings name, and sees to its schema."""

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


def open_database(settings: Settings) -> Database:
    """Return the database of ``[state]``.

    Raises:
        SettingsError: when there is none, or it cannot be used.
    """
    if settings.state is None:
        why = 'is missing; url = "sqlite:///var/orchestrator.db" would be one'
        if settings.file is None:
            why = f"is missing, since no settings file is named: --config, or {FILE_VARIABLE}"
        raise settings_error([(("state",), why)], settings.file, settings.origins)
    try:
        return Database(settings.state.url.reveal(), base_directory(settings.file))
    except (SettingsError, ValueError) as error:
        fault = (("state", "url"), str(error))
        raise settings_error([fault], settings.file, settings.origins) from None


def check_ready(database: Database) -> None:
    """Do nothing if this code can work on a database; never make one.

    Raises:
        SettingsError: if it cannot, with what to do.
        StateUnavailable: when the database cannot be had.
    """
    if database.untouched:
        raise SettingsError(
            f"there is no database in {database.shown}; if there was one, look for it; if not, "
            f"{schema.UPGRADE}"
        )
    database.read_now(schema.check)


def ensure(database: Database, *, may_make: bool = True) -> None:
    """Make the schema of a database that is empty; refuse one that must be upgraded.

    Args:
        database: that a process is about to use.
        may_make: whether it may be a new one.

    Raises:
        SettingsError: with what to do.
        StateUnavailable: when there is none, and none may be made.
    """
    if not may_make and database.untouched:
        raise StateUnavailable  # a first look would make it
    if database.read_now(schema.current) is None:
        if not may_make:
            raise StateUnavailable
        # Alembic is needed by nobody else in a server.
        from orchestrator_core.state.upgrade import upgrade  # noqa: PLC0415

        before, _ = upgrade(database)
        database.checkpoint()
        if before is None:
            itself = database.read_now(installation.read)
            _log.info("a new database was made", database=database.shown, installation=itself.id)
    database.read_now(schema.check)


@dataclass(frozen=True, slots=True)
class TableFault:
    """A plugin that cannot use its tables, and why."""

    record: PluginRecord
    error: PluginError

    def end(self) -> None:
        """Use the plugin no more."""
        self.record.end(State.FAILED, "migrations", self.error.message)


def ensure_plugins(database: Database, records: Iterable[PluginRecord]) -> list[TableFault]:
    """Make the tables of plugins that have none yet; return those whose tables cannot be used.

    Raises:
        StateUnavailable: when the database cannot be had.
    """
    faults: list[TableFault] = []
    for record in records:
        if record.state is State.LOADED and record.migrations is not None:
            try:
                _ensure(database, record, record.migrations)
            except PluginError as error:
                _log.error(
                    "plugin cannot use its tables",
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
        _log.info("plugin's tables are ready", plugin=record.label, revision=found.revision)
    if found.behind:
        raise PluginError(found.verdict)
    if found.ahead:
        _log.warning("plugin is older than its tables", plugin=record.label, why=found.verdict)
