"""SQLite file of a store: the first process creates or upgrades it, the others use it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

_BUSY_SECONDS = 10.0

_IMAGES = """
    CREATE TABLE IF NOT EXISTS images (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL
    );
"""

_SCHEMA = f"""
    PRAGMA journal_mode = WAL;
    {_IMAGES}
    CREATE TABLE nodes (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no number ever comes twice
        state TEXT NOT NULL DEFAULT 'running',
        marker TEXT UNIQUE,
        visible_at REAL, -- seconds since the epoch; not shown before
        gone_at REAL,    -- stopped, and shown until then
        given TEXT,      -- JSON of the optional fields of the start; null without any
        shown TEXT,      -- JSON of what callers may see of them
        name TEXT,       -- from a rename; null for the name made of the number
        size TEXT,       -- the id of the size from a resize; null before
        image TEXT,      -- the id of the image of its start
        flavor TEXT,     -- the id of the size of its start
        created_at REAL  -- seconds since the epoch
    );
"""

_ADDED_LATER = {
    "visible_at": "REAL",
    "gone_at": "REAL",
    "given": "TEXT",
    "shown": "TEXT",
    "name": "TEXT",
    "size": "TEXT",
    "image": "TEXT",
    "flavor": "TEXT",
    "created_at": "REAL",
}
"""Columns that files of older versions do not have, with their types."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file; the caller manages the transactions, and uses it in one thread at a time."""
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def prepare(path: Path, first: int, *, durable: bool) -> None:
    """Create or upgrade the file so that it has everything that the store needs.

    Args:
        path: the file; its directories are created too.
        first: the number of nodes in a new file.
        durable: whether a new file must survive a power failure.
    """
    if path.exists():
        _upgrade(path)
    else:
        _create(path, first, durable=durable)


def _create(path: Path, first: int, *, durable: bool) -> None:
    """Create the file under another name, then put it in place complete; the first process wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".dummy-") as draft:
        draft.write(_new_file(path.parent, first))
        draft.flush()
        if durable:
            os.fsync(draft.fileno())
        with suppress(FileExistsError):
            os.link(draft.name, path)


_new_files: dict[int, bytes] = {}


def _new_file(folder: Path, first: int) -> bytes:
    """Return the content of a new file, which SQLite makes once: it takes some milliseconds."""
    if first not in _new_files:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".dummy-") as directory:
            draft = Path(directory) / "new.db"
            with closing(connect(draft)) as connection:
                connection.executescript(_SCHEMA)
                connection.executemany("INSERT INTO nodes DEFAULT VALUES", [()] * first)
            _new_files[first] = draft.read_bytes()
    return _new_files[first]


def _upgrade(path: Path) -> None:
    """Add the parts that an older version's file lacks; the first process does it for all."""
    with closing(connect(path)) as connection:
        if not _lacking(connection):
            return
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            for column in _lacking(connection):  # read again: another process may have been first
                connection.execute(f"ALTER TABLE nodes ADD COLUMN {column} {_ADDED_LATER[column]}")
            connection.execute(_IMAGES)


def _lacking(connection: sqlite3.Connection) -> list[str]:
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(nodes)")}
    return [column for column in _ADDED_LATER if column not in there]
