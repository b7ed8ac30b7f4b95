"""The revision of a plugin's tables, and the check that the plugin can work on them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, String, column, inspect, select, table

from orchestrator_core.plugins.migrations import Migrations
from orchestrator_core.state.schema import UPGRADE


@dataclass(frozen=True, slots=True)
class PluginSchema:
    """The revision of a plugin's tables, compared with the revisions that the plugin knows.

    Attributes:
        revision: The revision of the tables; None if there are none yet.
        history: The revisions that the installed plugin knows, from the first to the newest.
    """

    revision: str | None
    history: tuple[str, ...]

    @property
    def ahead(self) -> bool:
        """Whether a newer version of the plugin has upgraded the tables.

        This version can still read them, because a plugin's migrations must only add.
        """
        return self.revision is not None and self.revision not in self.history

    @property
    def behind(self) -> bool:
        """Whether the plugin's tables must be upgraded before it can work."""
        return self.revision in self.history[:-1]

    @property
    def due(self) -> bool:
        """Whether migrations must be run."""
        return self.revision is None or self.behind

    @property
    def description(self) -> str:
        """A text that describes the state of the tables and what to do about it."""
        have = f"its tables have revision {self.revision}"
        if self.revision is None:
            return f"it has no tables yet; start a server to make them, or {UPGRADE}"
        if self.behind:
            return f"{have}, but {self.history[-1]} is required; {UPGRADE}"
        if self.ahead:
            return f"{have}, of a newer version than this one, which knows {self.history[-1]}"
        return f"{have}, which is the newest"


def look(connection: Connection, migrations: Migrations) -> PluginSchema:
    """Return the schema of a plugin's tables."""
    return PluginSchema(current(connection, migrations), migrations.history)


def current(connection: Connection, migrations: Migrations) -> str | None:
    """Return the revision of a plugin's tables; None if there are none."""
    name = migrations.version_table
    if not inspect(connection).has_table(name):
        return None
    version = column("version_num", String)
    return connection.execute(select(version).select_from(table(name))).scalar()
