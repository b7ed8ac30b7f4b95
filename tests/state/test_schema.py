"""The schema: made by migrations, equal to the tables, refused when it does not fit."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, text, update

from orchestrator_core.errors import SettingsError
from orchestrator_core.state import installation, schema
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import ensure
from orchestrator_core.state.tables import installation as installation_table
from orchestrator_core.state.tables import metadata
from orchestrator_core.state.upgrade import _SCRIPTS, upgrade

OLDEST_READER = 4
"""The oldest schema whose code works on the newest one, by the newest migration."""

_VM: dict[str, Any] = {
    "cloud": "c",
    "node_id": "1",
    "origin": "given",
    "state": "present",
    "protected": False,
    "generation": 1,
    "created_at": 1.0,
}
_HELD: dict[str, Any] = {
    "vm_id": 1,
    "cloud": "c",
    "node_id": "1",
    "user": "u",
    "vm_type": "app",
    "caller": "c",
    "backend": "given",
    "generation": 1,
    "state": "active",
    "created_at": 1.0,
}


def tables_of(number: int) -> Any:
    """Return the tables as the code of an older schema has them: its migration wrote them out."""
    (file,) = _SCRIPTS.glob(f"versions/{number:04}_*.py")
    module = import_module(f"orchestrator_core.state.migrations.versions.{file.stem}")
    return module.metadata.tables


def test_migrations_make_what_the_tables_say(database_url: str) -> None:
    database = Database(database_url, Path())
    assert upgrade(database) == (None, schema.SCHEMA)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    database.close()


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    database = Database(database_url, Path())
    upgrade(database)
    before = database.read_now(installation.read)
    assert upgrade(database) == (schema.SCHEMA, schema.SCHEMA)
    assert database.read_now(installation.read) == before
    database.close()


SEVERAL = """
import os, sys
from pathlib import Path
from orchestrator_core.state import installation
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import ensure
from orchestrator_core.state.upgrade import upgrade

for _ in range(4):
    if not os.fork():
        database = Database(sys.argv[1], Path())
        ensure(database)
        print("id", database.read_now(installation.read).id)
        database.close()
        sys.exit()
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)))
"""
"""Four processes that make a database ready at the same time. They are forked when all that they
import is imported, so that they begin together."""


def test_the_first_of_several_processes_makes_an_empty_database_ready(database_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", SEVERAL, database_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"^id (\w+)$", done.stdout, re.MULTILINE)
    assert len(told) == 4
    assert len(set(told)) == 1
    assert done.stdout.count("database created") == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_database_from_before_the_first_release_is_refused(
    database_url: str, number: int
) -> None:
    database = Database(database_url, Path())
    upgrade(database)
    with database.engine.begin() as connection:
        change = text("UPDATE alembic_version SET version_num = :number")
        connection.execute(change, {"number": f"{number:04}"})
    for step in (ensure, upgrade):
        with pytest.raises(SettingsError, match=f"schema {number}, of a version before the first"):
            step(database)
    assert database.read_now(schema.current) == number
    database.close()


def test_older_code_can_work_on_the_newest_schema(database_url: str) -> None:
    """New columns need no value, and known columns are unchanged."""
    database = Database(database_url, Path())
    upgrade(database)
    old = tables_of(OLDEST_READER)
    columns = inspect(database.engine)
    for name, table in old.items():
        now = {column["name"]: column for column in columns.get_columns(name)}
        for column in table.c:
            assert now.pop(column.name)["nullable"] == column.nullable, f"{name}.{column.name}"
        assert all(column["nullable"] or column["default"] for column in now.values()), name
    with database.engine.begin() as connection:
        connection.execute(insert(old["vms"]).values(**_VM))
        held = insert(old["assignments"]).values(**_HELD, id="1").returning(*old["assignments"].c)
        assert len(connection.execute(held).one()) == len(old["assignments"].c)
        connection.execute(update(old["assignments"]).values(state="ended", ended_at=2.0))
    database.close()


def _set(database: Database, version: int, oldest_reader: int) -> None:
    def work(connection: Connection) -> None:
        statement = text("UPDATE alembic_version SET version_num = :number")
        connection.execute(statement, {"number": f"{version:04}"})
        connection.execute(update(installation_table).values(oldest_reader=oldest_reader))

    database.write_now(work)


def test_a_newer_schema_is_good_enough_if_it_says_so(database_url: str) -> None:
    database = Database(database_url, Path())
    upgrade(database)
    _set(database, schema.SCHEMA + 1, schema.SCHEMA)
    ensure(database)
    _set(database, schema.SCHEMA + 2, schema.SCHEMA + 1)
    with pytest.raises(SettingsError, match="install the version that the other servers"):
        ensure(database)
    database.close()


@pytest.mark.parametrize(
    "url",
    ["mysql://x", "sqlite:///:memory:", "nonsense", "postgresql://h:port/x"],
)
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Database(url, Path())
    assert "must be sqlite:///PATH or postgresql" in caught.value.message
    assert url not in caught.value.message
