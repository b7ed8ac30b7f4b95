"""Upgrade and display of the tables of plugins, for ``orchestrator db``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.loader import load_used_plugins
from orchestrator_core.plugins.manager import describe_error
from orchestrator_core.plugins.record import PluginRecord, State
from orchestrator_core.settings.load import load_settings

if TYPE_CHECKING:
    from orchestrator_core.state.database import Database


def used(config: Path | None) -> list[PluginRecord]:
    """Return the plugins that the settings name."""
    settings = load_settings(config)
    tolerant = replace(settings, plugins=replace(settings.plugins, require=()))
    return load_used_plugins(tolerant).used(settings)


def upgrade(database: Database, record: PluginRecord) -> bool:
    """Upgrade a plugin's tables to the newest revision; return whether that succeeded."""
    from orchestrator_core.state.plugin_upgrade import upgrade_plugin  # noqa: PLC0415 - Alembic

    if record.migrations is None:
        return _may_be_without(record)
    try:
        before, after = upgrade_plugin(database, record.migrations)
    except PluginError as error:
        cause = error.__cause__
        _print_fault(record, error.message + (f": {describe_error(cause)}" if cause else ""))
        return False
    if before.due:
        click.echo(f"{record.label}: upgraded from {before.revision or 'none'} to {after.revision}")
    else:
        click.echo(f"{record.label}: {before.description}")
    return True


def show(database: Database, record: PluginRecord) -> bool:
    """Print the revision of a plugin's tables; return whether the plugin can use them."""
    from orchestrator_core.state import plugin_schema  # noqa: PLC0415 - needs SQLAlchemy

    migrations = record.migrations
    if migrations is None:
        return _may_be_without(record)
    found = database.read_now(lambda connection: plugin_schema.look(connection, migrations))
    if found.behind:
        _print_fault(record, found.description)
    else:
        click.echo(f"{record.label}: {found.description}")
    return not found.behind


def _may_be_without(record: PluginRecord) -> bool:
    """Return whether a plugin may be without tables; print why a plugin could not be loaded.

    A plugin that failed before its migrations were read is not a fault of the database.
    """
    if record.state is State.LOADED:
        return True
    _print_fault(record, f"{record.state.value} at {record.stage}: {record.message}")
    return record.stage != "migrations"


def _print_fault(record: PluginRecord, why: str) -> None:
    click.echo(f"orchestrator: {record.label}: {why}", err=True)
