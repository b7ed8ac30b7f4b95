"""Messages for SQLite's errors: the file, the fault and what to do, in one sentence each."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from orchestrator_core.errors import SettingsError
from orchestrator_core.state import sqlite_file
from orchestrator_core.state.lock_wait import LOCK_SECONDS, LockTimeoutError
from orchestrator_core.state.sqlite_file import DAMAGED

_PRIMARY: Final = 0xFF
"""The mask for the primary part of an error code: https://www.sqlite.org/rescode.html"""

_LOCKED: Final = (
    f"has been locked by another process for more than {LOCK_SECONDS:.0f} s; find that process "
    "(`fuser FILE`) and end its transaction"
)

_EXPLAINED: Final = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: f"is damaged: {DAMAGED}",
    sqlite3.SQLITE_NOTADB: f"is damaged, or not an SQLite database: {DAMAGED}",
    sqlite3.SQLITE_FULL: "cannot grow: its file system is full; free some space",
    sqlite3.SQLITE_READONLY: "cannot be written: make it, its folder and its -wal writable",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check its folder and the free space there",
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written: check the free space on its file system, the limit of file "
        "sizes, and the system's log"
    ),
}


def explain(file: Path, cause: Exception) -> str:
    """Return a message that says what has failed and what to do.

    Args:
        file: The database file.
        cause: The exception that SQLAlchemy or SQLite raised.
    """
    if isinstance(cause, LockTimeoutError):
        return f"{file} {_LOCKED}"
    try:
        sqlite_file.check(file, reads=False)
    except SettingsError as error:
        return error.message
    original = cause.orig if isinstance(cause, DBAPIError) else cause
    code = getattr(original, "sqlite_errorcode", None)
    words = str(original or cause).split("\n", 1)[0]
    known = _EXPLAINED.get(code & _PRIMARY) if code is not None else None
    if known is _LOCKED:
        return f"{file} {known}"  # the same text as above, so that it counts as one outage
    return f"{file} {known} ({words})" if known else f"{file}: {words}"
