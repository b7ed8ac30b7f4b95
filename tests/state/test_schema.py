"""The schema: made by migrations, equal to the tables, refused when it does not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text, update

from orchestrator_core.errors import SettingsError
from orchestrator_core.state import installation, schema
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import ensure
from orchestrator_core.state.tables import installation as installation_table
from orchestrator_core.state.tables import metadata
from orchestrator_core.state.upgrade import upgrade


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


def test_an_empty_database_is_made_ready_by_whoever_comes_first(database_url: str) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from orchestrator_core.state import installation; "
        "from orchestrator_core.state.open import ensure; "
        "from orchestrator_core.state.database import Database; "
        "d = Database(sys.argv[1], Path()); ensure(d); "
        "print(d.read_now(installation.read).id); d.close()"
    )
    many = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, database_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    told = [one.communicate(timeout=60) for one in many]
    assert {one.returncode for one in many} == {0}, told
    assert len({out for out, _ in told}) == 1


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
    with pytest.raises(SettingsError, match="too old for; upgrade vm-orchestrator"):
        ensure(database)
    database.close()


def test_an_older_schema_says_what_to_do(database_url: str) -> None:
    database = Database(database_url, Path())
    upgrade(database)
    _set(database, schema.OLDEST - 1, 0)
    with pytest.raises(SettingsError, match="run: orchestrator db upgrade"):
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
