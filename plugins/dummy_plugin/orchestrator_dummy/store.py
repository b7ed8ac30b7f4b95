"""The dummy cloud's nodes, in an SQLite file that any number of processes share."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from pathlib import Path

Row = tuple[int, str]
"""A node's number and its state."""

_BUSY_SECONDS = 10.0

_SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE nodes (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no number ever comes twice
        state TEXT NOT NULL DEFAULT 'running',
        marker TEXT UNIQUE
    );
"""


class Store:
    """Nodes by number.

    Args:
        path: the file; made if it is not there.
        durable: whether what was added must survive a power cut.
        first: how many nodes a new file begins with.
    """

    def __init__(self, path: Path, *, durable: bool, first: int) -> None:
        self._path = path
        self._synchronous = "FULL" if durable else "OFF"
        self._local = threading.local()
        if not path.exists():
            _create(path, first)

    def rows(self) -> list[Row]:
        """Return every node."""
        return self._all("SELECT number, state FROM nodes ORDER BY number")

    def row(self, number: str) -> Row | None:
        """Return one node, or None."""
        return self._one("SELECT number, state FROM nodes WHERE number = ?", _number(number))

    def marked(self, marker: str) -> Row | None:
        """Return the node with this marker, or None."""
        return self._one("SELECT number, state FROM nodes WHERE marker = ?", marker)

    def add(self, marker: str | None) -> Row:
        """Add a node and return it."""
        row = self._one("INSERT INTO nodes (marker) VALUES (?) RETURNING number, state", marker)
        assert row is not None
        return row

    def remove(self, number: str) -> bool:
        """Remove a node; whether it was there."""
        sql = "DELETE FROM nodes WHERE number = ? RETURNING number, state"
        return self._one(sql, _number(number)) is not None

    def set_state(self, number: str, state: str) -> bool:
        """Change a node's state; whether it is there."""
        sql = "UPDATE nodes SET state = ? WHERE number = ? RETURNING number, state"
        return self._one(sql, state, _number(number)) is not None

    def _one(self, sql: str, *values: str | int | None) -> Row | None:
        rows = self._all(sql, *values)
        return rows[0] if rows else None

    def _all(self, sql: str, *values: str | int | None) -> list[Row]:
        # Fetching to the end also ends the statement's transaction.
        return self._connection().execute(sql, values).fetchall()

    def _connection(self) -> sqlite3.Connection:
        """One connection for each thread, opened after the worker was forked."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self._path)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            self._local.connection = connection
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)


def _create(path: Path, first: int) -> None:
    """Make the file beside its place and put it there whole; the first process wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".dummy-") as directory:
        draft = Path(directory) / "new.db"
        connection = _connect(draft)
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO nodes DEFAULT VALUES", [()] * first)
        connection.close()
        try:
            os.link(draft, path)
        except FileExistsError:
            return


def _number(text: str) -> int:
    # "1" is a node, "01" and " 1" are not; neither is what SQLite cannot hold.
    return int(text) if text.isascii() and text.isdecimal() and text == str(int(text[:19])) else -1
