"""Forbidden statements of a plugin's migration: undone and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, inspect

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.migrations import Migrations, read_history
from orchestrator_core.state.database import Database
from orchestrator_core.state.plugin_upgrade import upgrade_plugin
from tests.tables.conftest import SECOND_STEPS

FAILED: Final = "its migrations failed after 0001"
TOUCHED: Final = "its migrations make, change or refer to"

WRONG: Final = {
    "raising": f"{FAILED} (RuntimeError)",
    "exiting": f"{FAILED} (PluginError)",
    "wrong_sql": f"{FAILED} (",
    "committing": f"{FAILED} (PluginError)",
    "stray": f"{TOUCHED} calls; a plugin may only use its own tables, whose names "
    'begin with "extension_tried__"',
    "of_another": f"{TOUCHED} extension_tried_2__calls;",
    "meddling": f"{TOUCHED} operations;",
    "dropping": f"{TOUCHED} orphan_scans;",
    "spying": f"{TOUCHED} vms;",
    "referring": f"{TOUCHED} vms;",
}


def test_every_wrong_migration_is_tried() -> None:
    assert {*WRONG, "both"} == set(SECOND_STEPS)


def everything(connection: Connection) -> dict[str, Any]:
    """Return every table with its columns and indexes."""
    inspector = inspect(connection)
    return {
        name: (
            [column["name"] for column in inspector.get_columns(name)],
            [index["name"] for index in inspector.get_indexes(name)],
        )
        for name in inspector.get_table_names()
    }


@pytest.mark.parametrize("history", WRONG)
def test_a_wrong_migration_is_undone(
    tried: dict[str, str], database: Database, history: str
) -> None:
    def migrations(name: str) -> Migrations:
        folder = Path(tried["PYTHONPATH"]) / "tried_tables" / name
        return Migrations(folder, read_history(folder), "extension_tried")

    upgrade_plugin(database, migrations("one"))
    before = database.read_now(everything)
    with pytest.raises(PluginError) as caught:
        upgrade_plugin(database, migrations(history))
    assert caught.value.message.startswith(WRONG[history])
    assert database.read_now(everything) == before
    # The correct migration continues from there.
    was, became = upgrade_plugin(database, migrations("both"))
    assert (was.revision, became.revision) == ("0001", "0002")
