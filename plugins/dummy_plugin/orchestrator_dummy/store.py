"""The dummy cloud's nodes, in an SQLite file that any number of processes share."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator_dummy.file import connect, prepare
from orchestrator_dummy.generation import Generation

Row = tuple[int, str, str | None]
"""A node's number, its state and its marker."""

_SHOWN = "coalesce(visible_at, 0) <= :now AND coalesce(gone_at, :now + 1) > :now"

# Not open to SQL injection: these texts hold only the columns of a Row and words of this module.
_ROWS = f"SELECT number, state, marker FROM nodes WHERE {_SHOWN} ORDER BY number"  # noqa: S608

_MARKED = f"SELECT number, state, marker FROM nodes WHERE marker = :marker AND {_SHOWN}"  # noqa: S608

_ADD = "INSERT INTO nodes (marker, visible_at) VALUES (?, ?) RETURNING number, state, marker"

_DELETE = "DELETE FROM nodes WHERE number = ? AND gone_at IS NULL RETURNING number, state, marker"

_LET_GO = """
    UPDATE nodes SET gone_at = ? WHERE number = ? AND gone_at IS NULL
    RETURNING number, state, marker
"""

_SET_STATE = """
    UPDATE nodes SET state = ? WHERE number = ? AND gone_at IS NULL
    RETURNING number, state, marker
"""

_NEXT_CHANGE = """
    SELECT min(due) FROM (SELECT visible_at AS due FROM nodes UNION ALL SELECT gone_at FROM nodes)
    WHERE due > ?
"""


class Store:
    """Nodes by number.

    Args:
        path: the file, created if it does not exist. A durable one is created at once, another at
            its first use, so that a cloud that is never used costs nothing.
        durable: whether added nodes must survive a power failure.
        first: the number of nodes in a new file.
    """

    def __init__(self, path: Path, *, durable: bool, first: int) -> None:
        self._path = path
        self._synchronous = "FULL" if durable else "OFF"
        self._local = threading.local()
        self._first = first
        self._opening = threading.Lock()
        self._opened: Generation | None = self._open() if durable else None
        self._seen: tuple[int, float | None, list[Row]] = (-1, None, [])

    def _open(self) -> Generation:
        prepare(self._path, self._first)
        return Generation(self._path.with_name(f"{self._path.name}-generation"))

    @property
    def _announced(self) -> Generation:
        """Return the generation of the file; create the file if it does not exist."""
        if self._opened is None:
            with self._opening:
                self._opened = self._opened or self._open()
        return self._opened

    def rows(self) -> list[Row]:
        """Return every node; do not query SQLite if no process has written since the last time."""
        generation, until, rows = self._seen
        if generation != self._announced.read() or (until and time.time() >= until):
            generation, until, rows = self._seen = self._read()
        return rows

    def row(self, number: str) -> Row | None:
        """Return one node, or None."""
        wanted = _number(number)
        return next((row for row in self.rows() if row[0] == wanted), None)

    def marked(self, marker: str) -> Row | None:
        """Return the node with this marker, or None."""
        values = {"marker": marker, "now": time.time()}
        row: Row | None = self._connection().execute(_MARKED, values).fetchone()
        return row

    def add(self, marker: str | None) -> Row:
        """Add a node and return it."""
        row = self._write(_ADD, marker, self._later())
        assert row is not None
        return row

    def remove(self, number: str) -> bool:
        """Remove a node; return whether it existed."""
        later = self._later()
        if later is None:
            return self._write(_DELETE, _number(number)) is not None
        self._write("DELETE FROM nodes WHERE gone_at <= ?", time.time())
        return self._write(_LET_GO, later, _number(number)) is not None

    def set_state(self, number: str, state: str) -> bool:
        """Change a node's state; return whether the node exists."""
        return self._write(_SET_STATE, state, _number(number)) is not None

    @contextmanager
    def lagging(self, seconds: float) -> Iterator[None]:
        """Delay the moment at which lists show nodes that this thread adds or removes."""
        self._local.lag = seconds
        try:
            yield
        finally:
            self._local.lag = 0.0

    def _later(self) -> float | None:
        lag: float = getattr(self._local, "lag", 0.0)
        return time.time() + lag if lag else None

    def _read(self) -> tuple[int, float | None, list[Row]]:
        """Return the generation, the moment at which something is due to change, and the nodes."""
        connection = self._connection()
        now = time.time()
        connection.execute("BEGIN")
        with connection:
            generation = _generation(connection)
            rows = connection.execute(_ROWS, {"now": now}).fetchall()
            (until,) = connection.execute(_NEXT_CHANGE, (now,)).fetchone()
        return generation, until, rows

    def _write(self, sql: str, *values: str | float | None) -> Row | None:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            generation = _generation(connection) + 1
            # Announced before it is true: if a process dies in between, the others read once too
            # often, never once too seldom.
            self._announced.write(generation)
            row: Row | None = connection.execute(sql, values).fetchone()
            connection.execute(f"PRAGMA user_version = {generation}")
        return row

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection, opened after the worker was forked."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            _ = self._announced
            connection = connect(self._path)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            self._local.connection = connection
        return connection


def _generation(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _number(text: str) -> int:
    # "1" is a node; "01", " 1" and numbers that SQLite cannot hold are not.
    return int(text) if text.isascii() and text.isdecimal() and text == str(int(text[:18])) else -1
