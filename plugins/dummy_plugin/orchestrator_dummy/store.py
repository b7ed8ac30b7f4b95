"""The dummy cloud's nodes, in an SQLite file that any number of processes share."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from pathlib import Path

from orchestrator_dummy.generation import Generation

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
        self._announced = Generation(path.with_name(f"{path.name}-generation"))
        self._seen: tuple[int, list[Row]] = (-1, [])

    def rows(self) -> list[Row]:
        """Return every node; without asking SQLite if nobody has written since the last time."""
        generation, rows = self._seen
        if generation != self._announced.read():
            generation, rows = self._seen = self._read()
        return rows

    def row(self, number: str) -> Row | None:
        """Return one node, or None."""
        wanted = _number(number)
        return next((row for row in self.rows() if row[0] == wanted), None)

    def marked(self, marker: str) -> Row | None:
        """Return the node with this marker, or None."""
        sql = "SELECT number, state FROM nodes WHERE marker = ?"
        row: Row | None = self._connection().execute(sql, (marker,)).fetchone()
        return row

    def add(self, marker: str | None) -> Row:
        """Add a node and return it."""
        row = self._write("INSERT INTO nodes (marker) VALUES (?) RETURNING number, state", marker)
        assert row is not None
        return row

    def remove(self, number: str) -> bool:
        """Remove a node; whether it was there."""
        sql = "DELETE FROM nodes WHERE number = ? RETURNING number, state"
        return self._write(sql, _number(number)) is not None

    def set_state(self, number: str, state: str) -> bool:
        """Change a node's state; whether it is there."""
        sql = "UPDATE nodes SET state = ? WHERE number = ? RETURNING number, state"
        return self._write(sql, state, _number(number)) is not None

    def _read(self) -> tuple[int, list[Row]]:
        connection = self._connection()
        connection.execute("BEGIN")
        with connection:
            generation = _generation(connection)
            rows = connection.execute("SELECT number, state FROM nodes ORDER BY number").fetchall()
        return generation, rows

    def _write(self, sql: str, *values: str | int | None) -> Row | None:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            generation = _generation(connection) + 1
            # Announced before it is true: a process that dies in between makes the others
            # read once too often, never once too seldom.
            self._announced.write(generation)
            row: Row | None = connection.execute(sql, values).fetchone()
            connection.execute(f"PRAGMA user_version = {generation}")
        return row

    def _connection(self) -> sqlite3.Connection:
        """One connection for each thread, opened after the worker was forked."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self._path)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            self._local.connection = connection
        return connection


def _generation(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


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
    return int(text) if text.isascii() and text.isdecimal() and text == str(int(text[:18])) else -1
