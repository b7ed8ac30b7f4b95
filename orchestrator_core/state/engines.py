"""SQLAlchemy engines whose commits are durable and whose transactions wait for locks."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from orchestrator_core.errors import SettingsError
from orchestrator_core.state.lock_wait import LockTimeoutError, busy_timeout, seconds_left
from orchestrator_core.state.url import MISSING_DRIVER

_LOCK_PAUSE: Final = 0.0003

_JSON: Final[dict[str, Any]] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}


def make_engine(url: URL, connections: int, *, writes: bool = True) -> Engine:
    """Return an engine with a limited number of connections.

    Args:
        url: The URL from :func:`~orchestrator_core.state.url.parse_url`.
        connections: The largest number of connections.
        writes: Whether SQLite takes its write lock at the beginning of each transaction. This is
            the only way to wait for the lock that cannot end in the error "locked".

    Raises:
        SettingsError: The database's driver is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite(url, connections, writes=writes)
        return _postgresql(url, connections)
    except (ImportError, NoSuchModuleError):
        raise SettingsError(MISSING_DRIVER) from None


def _sqlite(url: URL, connections: int, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        **_JSON,
        pool_size=connections,
        max_overflow=0,
        # The listeners below begin transactions; Python's sqlite3 must not begin its own.
        connect_args={"isolation_level": None},
    )
    event.listen(engine, "do_connect", _make_file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_writing if writes else _begin_reading)
    return engine


def _make_file(_dialect: Any, _record: Any, arguments: list[Any], _named: Any) -> None:
    """Make an empty database file that only its owner can read.

    SQLite itself would use the umask. SQLite gives the files that it makes beside the database the
    same permissions.
    """
    # Make the file only at the first connection: `orchestrator check` opens a database and must
    # leave no file behind.
    file = Path(arguments[0])
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600)
    except OSError as error:
        raise sqlite3.OperationalError(f"it cannot be made: {error.strerror}") from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # SQLAlchemy makes an engine's first connections one after another.
    connection.execute(busy_timeout())
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_reading(connection: Connection) -> None:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute(busy_timeout())
    raw.execute("BEGIN")


def _begin_writing(connection: Connection) -> None:
    """Take SQLite's only write lock.

    SQLite itself would retry after 1, 2, 5, 10 ... ms. With several processes, the disk would be
    idle most of the time while the next writer sleeps.
    """
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            if not seconds_left():
                raise LockTimeoutError from error
            time.sleep(_LOCK_PAUSE)
        else:
            return


def _postgresql(url: URL, connections: int) -> Engine:
    # Imported here because the driver of PostgreSQL may not be installed.
    from orchestrator_core.state.postgresql import (  # noqa: PLC0415
        CONNECT_ARGS,
        Connector,
        begin,
    )

    engine = create_engine(
        url,
        **_JSON,
        pool_size=connections,
        max_overflow=0,
        # The listener begins each transaction, with its isolation level and its limits.
        isolation_level="AUTOCOMMIT",
        connect_args=CONNECT_ARGS,
    )
    event.listen(engine, "do_connect", Connector().connect)
    event.listen(engine, "begin", begin)
    return engine
