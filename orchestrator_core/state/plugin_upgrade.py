"""The runner of a plugin's migrations, which undoes them if they touch other tables."""

from __future__ import annotations

from typing import Any

from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.migrations import Migrations
from orchestrator_core.state.catalog import referred_tables, things
from orchestrator_core.state.database import Database
from orchestrator_core.state.guard_transaction import guard_transaction
from orchestrator_core.state.plugin_schema import PluginSchema, look
from orchestrator_core.state.upgrade import configuration, lock
from orchestrator_core.state.writers import is_retryable


def upgrade_plugin(database: Database, migrations: Migrations) -> tuple[PluginSchema, PluginSchema]:
    """Upgrade a plugin's tables to the newest revision; return the schemas before and after.

    Several processes may call this at the same time: one runs the migrations, and the others then
    have nothing to do.

    Raises:
        PluginError: A migration failed or touched tables that are not the plugin's; all of its
            changes are rolled back. ``__cause__`` is the exception that the migration raised.
        StateUnavailable: The database cannot be reached.
    """
    return database.write_now(lambda connection: _upgrade(connection, migrations))


def _upgrade(connection: Connection, migrations: Migrations) -> tuple[PluginSchema, PluginSchema]:
    lock(connection)
    before = look(connection, migrations)
    if not before.due:
        return before, before
    if connection.dialect.name == "postgresql":
        # A migration may have to process the rows of several years.
        connection.execute(text("SET LOCAL statement_timeout = 0"))

    def is_foreign(name: str) -> bool:
        return not migrations.owns(name)

    others = things(connection, is_foreign)
    _run(connection, migrations, before)
    touched = {owner for owner, _ in others ^ things(connection, is_foreign)}
    touched |= {name for name in referred_tables(connection, migrations.owns) if is_foreign(name)}
    if touched:
        raise PluginError(
            f"its migrations make, change or refer to {', '.join(sorted(touched))}; a plugin may "
            f'only use its own tables, whose names begin with "{migrations.prefix}"'
        )
    return before, look(connection, migrations)


def _run(connection: Connection, migrations: Migrations, before: PluginSchema) -> None:
    done: list[str] = []

    def note(**of_alembic: Any) -> None:
        done.append(of_alembic["step"].up_revision_id)

    config = configuration(connection, migrations.folder)
    config.attributes.update(version_table=migrations.version_table, on_version_apply=note)
    try:
        guard_transaction(lambda _: command.upgrade(config, "head"))(connection)
    except Exception as error:
        if isinstance(error, DBAPIError) and is_retryable(error):
            raise  # not the plugin's fault: the writer runs the transaction again
        last = done[-1] if done else before.revision
        after = f"after {last}" if last else "at the first migration"
        raise PluginError(
            f"its migrations failed {after} ({type(error).__name__}) and were rolled back"
        ) from error
