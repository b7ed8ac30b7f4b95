"""The dummy cloud's nodes, in an SQLite file that any number of processes share."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_dummy.connections import OF_THIS_PROCESS
from orchestrator_dummy.file import connect, prepare
from orchestrator_dummy.generation import Generation


class Row(NamedTuple):
    """A node.

    Attributes:
        shown: the JSON of the start fields that callers may see.
        name: the name that it was given since its start.
        size: the id of the size that it was given since its start.
        image: the id of the image of its start; None for the first nodes.
        flavor: the id of the size of its start.
        created_at: seconds since the epoch.
    """

    number: int
    state: str = "running"
    marker: str | None = None
    shown: str | None = None
    name: str | None = None
    size: str | None = None
    image: str | None = None
    flavor: str | None = None
    created_at: float | None = None


class Origin(NamedTuple):
    """The image and the size of a start, by their ids."""

    image: str
    size: str


Image = tuple[int, str]
"""The number and the name of an image that was made of a node."""

_COLUMNS = ", ".join(Row._fields)

_SHOWN = "coalesce(visible_at, 0) <= :now AND coalesce(gone_at, :now + 1) > :now"

# Not open to SQL injection: these texts hold only the columns of a Row and words of this module.
_ROWS = f"SELECT {_COLUMNS} FROM nodes WHERE {_SHOWN} ORDER BY number"  # noqa: S608

_ROW = f"SELECT {_COLUMNS} FROM nodes WHERE number = :number AND {_SHOWN}"  # noqa: S608

_MARKED = f"SELECT {_COLUMNS} FROM nodes WHERE marker = :marker AND {_SHOWN}"  # noqa: S608

_GIVEN = "SELECT given FROM nodes WHERE number = ?"

_ADD = f"""
    INSERT INTO nodes (marker, visible_at, given, shown, image, flavor, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}
"""  # noqa: S608

_DELETE = f"DELETE FROM nodes WHERE number = ? AND gone_at IS NULL RETURNING {_COLUMNS}"  # noqa: S608

_LET_GO = f"""
    UPDATE nodes SET gone_at = ? WHERE number = ? AND gone_at IS NULL RETURNING {_COLUMNS}
"""  # noqa: S608

_SET = {
    column: f"""
        UPDATE nodes SET {column} = ? WHERE number = ? AND gone_at IS NULL RETURNING {_COLUMNS}
    """  # noqa: S608
    for column in ("state", "name", "size")
}

_IMAGES = "SELECT number, name FROM images ORDER BY number"

_ADD_IMAGE = "INSERT INTO images (name) VALUES (?) RETURNING number"

_NEXT_CHANGE = """
    SELECT min(due) FROM (SELECT visible_at AS due FROM nodes UNION ALL SELECT gone_at FROM nodes)
    WHERE due > ?
"""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The content of the file at one moment.

    Attributes:
        generation: the number of writes until then.
        until: the moment at which something is due to change.
    """

    generation: int
    until: float | None
    rows: list[Row]
    images: list[Image]


class Store:
    """Nodes by number.

    Args:
        path: the file, created if it does not exist. A durable one is created at once, another when
            its nodes change for the first time, so that a cloud that is only read costs little.
        durable: whether added nodes must survive a power failure.
        first: the number of nodes in a new file.
    """

    def __init__(self, path: Path, *, durable: bool, first: int) -> None:
        self._path = path
        self._durable = durable
        self._first = first
        self._lag = threading.local()
        self._idle: list[sqlite3.Connection] = []
        self._preparing = threading.Lock()
        self._is_prepared = False
        self._announced_here: Generation | None = None
        self._seen = _Seen(-1, None, [], [])
        if durable:
            self._prepare()

    def _prepare(self) -> None:
        with self._preparing:
            if not self._is_prepared:
                prepare(self._path, self._first, durable=self._durable)
                self._is_prepared = True

    @property
    def _announced(self) -> Generation:
        """Return the generation of the file, which exists before the file does."""
        if self._announced_here is None:
            with self._preparing:
                if self._announced_here is None:
                    name = f"{self._path.name}-generation"
                    self._announced_here = Generation(self._path.with_name(name))
        return self._announced_here

    def rows(self) -> list[Row]:
        """Return every node; do not query SQLite if no process has written since the last time."""
        return self._now().rows

    def images(self) -> list[Image]:
        """Return the images that were made of nodes; read as :meth:`rows`."""
        return self._now().images

    def _now(self) -> _Seen:
        seen = self._kept()
        if seen is None:
            seen = self._seen = self._read()
        return seen

    def _kept(self) -> _Seen | None:
        """Return the content if it is known without a query, else None."""
        announced = self._announced.read()
        if announced == 0 and not self._durable and self._seen.generation != 0:
            # No process has written at all.
            self._seen = _Seen(0, None, list(map(Row, self._numbers)), [])
        seen = self._seen
        is_over = seen.until is not None and time.time() >= seen.until
        return None if seen.generation != announced or is_over else seen

    @property
    def _numbers(self) -> range:
        return range(1, self._first + 1)

    def row(self, number: str) -> Row | None:
        """Return one node, or None.

        The query is for this node alone: SQLite releases Python's lock at every row, and a thread
        that reads all rows of a large cloud would wait for the lock as often.
        """
        wanted = _number(number)
        seen = self._kept()
        if seen is not None:
            return next((row for row in seen.rows if row.number == wanted), None)
        return self._one(_ROW, number=wanted)

    def marked(self, marker: str) -> Row | None:
        """Return the node with this marker, or None."""
        return self._one(_MARKED, marker=marker)

    def given(self, number: str) -> str | None:
        """Return the JSON of the optional fields of a node's start; None without any."""
        with self._connection() as connection:
            row = connection.execute(_GIVEN, (_number(number),)).fetchone()
        return None if row is None else row[0]

    def add(
        self,
        marker: str | None,
        origin: Origin | None = None,
        *,
        given: str | None = None,
        shown: str | None = None,
    ) -> Row:
        """Add a node and return it.

        Args:
            marker: the marker of its start.
            origin: the image and the size of its start.
            given: the JSON of the optional fields of its start.
            shown: the JSON of what callers may see of these.
        """
        image, size = origin or (None, None)
        values = (marker, self._later(), given, shown, image, size, time.time())
        row = self._write(_ADD, *values)
        assert row is not None
        return Row(*row)

    def remove(self, number: str) -> bool:
        """Remove a node; return whether it existed."""
        later = self._later()
        if later is None:
            return self._write(_DELETE, _number(number)) is not None
        self._write("DELETE FROM nodes WHERE gone_at <= ?", time.time())
        return self._write(_LET_GO, later, _number(number)) is not None

    def set_state(self, number: str, state: str) -> bool:
        """Change a node's state; return whether the node exists."""
        return self._write(_SET["state"], state, _number(number)) is not None

    def set_name(self, number: str, name: str) -> bool:
        """Change a node's name; return whether the node exists."""
        return self._write(_SET["name"], name, _number(number)) is not None

    def set_size(self, number: str, size: str) -> bool:
        """Change a node's size; return whether the node exists."""
        return self._write(_SET["size"], size, _number(number)) is not None

    def add_image(self, name: str) -> int:
        """Add an image and return its number: 1 for the first."""
        row = self._write(_ADD_IMAGE, name)
        assert row is not None
        number: int = row[0]
        return number

    @contextmanager
    def lagging(self, seconds: float) -> Iterator[None]:
        """Delay the moment at which lists show nodes that this thread adds or removes."""
        self._lag.seconds = seconds
        try:
            yield
        finally:
            self._lag.seconds = 0.0

    def _later(self) -> float | None:
        lag: float = getattr(self._lag, "seconds", 0.0)
        return time.time() + lag if lag else None

    def _one(self, sql: str, **values: str | int) -> Row | None:
        with self._connection() as connection:
            row = connection.execute(sql, {**values, "now": time.time()}).fetchone()
        return None if row is None else Row(*row)

    def _read(self) -> _Seen:
        now = time.time()
        with self._connection() as connection:
            connection.execute("BEGIN")
            with connection:
                generation = _generation(connection)
                rows = [Row(*row) for row in connection.execute(_ROWS, {"now": now})]
                images = connection.execute(_IMAGES).fetchall()
                (until,) = connection.execute(_NEXT_CHANGE, (now,)).fetchone()
        return _Seen(generation, until, rows, images)

    def _write(self, sql: str, *values: str | float | None) -> tuple[Any, ...] | None:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                generation = _generation(connection) + 1
                # Announced before it is true: if a process dies in between, the others read once
                # too often, never once too seldom.
                self._announced.write(generation)
                row: tuple[Any, ...] | None = connection.execute(sql, values).fetchone()
                connection.execute(f"PRAGMA user_version = {generation}")
        return row

    def _connection(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection, opened after the worker was forked."""
        return OF_THIS_PROCESS.lend(self._idle, self._connect)

    def _connect(self) -> sqlite3.Connection:
        self._prepare()
        connection = connect(self._path)
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'OFF'}")
        return connection


def _generation(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _number(text: str) -> int:
    # "1" is a node; "01", " 1" and numbers that SQLite cannot hold are not.
    return int(text) if text.isascii() and text.isdecimal() and text == str(int(text[:18])) else -1
