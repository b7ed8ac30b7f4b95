"""Consistent backups of an SQLite database while servers are running."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.state.database import Database

_PAGES: Final = 1000
"""The number of pages to copy before other connections may write."""


def back_up(database: Database, target: Path) -> None:
    """Copy an SQLite database into a new file; this blocks.

    Source: https://www.sqlite.org/backup.html

    Raises:
        SettingsError: The database is not SQLite, or the file cannot be made or written.
    """
    if not database.is_sqlite:
        raise SettingsError(f"{database.shown} is not an SQLite database; back it up with pg_dump")
    try:
        target.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        why = why_unusable(target.parent, error, os.W_OK)
        raise SettingsError(f"{target} cannot be made: {why}") from None
    try:
        _copy(database.shown, target)
    except sqlite3.Error as error:
        target.unlink()  # an incomplete backup is useless
        raise SettingsError(f"{target} cannot be written: {error}") from None


def _copy(file: str, target: Path) -> None:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy, pages=_PAGES)
        copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without a -wal beside it
