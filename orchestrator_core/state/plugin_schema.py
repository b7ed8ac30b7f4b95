"""Which revision a plugin's tables have, and whether the plugin can work on them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, String, column, inspect, select, table

from orchestrator_core.plugins.migrations import Migrations
from orchestrator_core.state.schema import UPGRADE


@dataclass(frozen=True, slots=True)
class PluginSchema:
    """How far a plugin's tables are.

    Attributes:
        revision: which one they have; None when there are none yet.
        history: the revisions that the installed plugin knows, from the first to the newest.
    """

    revision: str | None
    history: tuple[str, ...]

    @property
    def ahead(self) -> bool:
        """Whether a newer version of the plugin has been here.

        It has only added to what this one reads: a plugin's migrations keep to that.
        """
        return self.revision is not None and self.revision not in self.history

    @property
    def behind(self) -> bool:
        """Whether the plugin cannot work before its tables are upgraded."""
        return self.revision in self.history[:-1]

    @property
    def due(self) -> bool:
        """Whether migrations are to be run."""
        return self.revision is None or self.behind

    @property
    def verdict(self) -> str:
        """What is to be done, or that nothing is."""
        have = f"its tables have revision {self.revision}"
        if self.revision is None:
            return f"it has no tables yet; a server makes them, or {UPGRADE}"
        if self.behind:
            return f"{have}, {self.history[-1]} is needed; {UPGRADE}"
        if self.ahead:
            return f"{have}, of a newer version than this one, which knows {self.history[-1]}"
        return f"{have}, which is the newest"


def look(connection: Connection, migrations: Migrations) -> PluginSchema:
    """Return how far a plugin's tables are."""
    return PluginSchema(current(connection, migrations), migrations.history)


def current(connection: Connection, migrations: Migrations) -> str | None:
    """Return the revision of a plugin's tables; None when there are none."""
    name = migrations.version_table
    if not inspect(connection).has_table(name):
        return None
    version = column("version_num", String)
    return connection.execute(select(version).select_from(table(name))).scalar()
