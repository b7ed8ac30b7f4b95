"""Consistent backups of a database while servers are running."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError
from orchestrator_core.redaction import redact
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.state.database import Database

_PAGES: Final = 1000
"""The number of pages to copy before other connections may write."""

_NONE_MADE: Final = "no backup was made"


def back_up(database: Database, target: Path) -> None:
    """Copy a database into a new file; this blocks.

    A PostgreSQL database is copied with ``pg_dump``, in its custom format.

    Sources: https://www.sqlite.org/backup.html and
    https://www.postgresql.org/docs/current/app-pgdump.html

    Raises:
        SettingsError: The file cannot be made or written, or ``pg_dump`` is missing or fails.
    """
    program = "" if database.is_sqlite else _pg_dump(database)
    try:
        target.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        why = why_unusable(target.parent, error, os.W_OK)
        raise SettingsError(f"{target} cannot be made: {why}; {_NONE_MADE}") from None
    try:
        if database.is_sqlite:
            _copy(database.shown, target)
        else:
            _dump(program, database, target)
    except BaseException as error:
        target.unlink()  # an incomplete backup is useless
        if isinstance(error, sqlite3.Error):
            why = f"{target} cannot be written: {error}; {_NONE_MADE}"
            raise SettingsError(why) from None
        raise


def _copy(file: str, target: Path) -> None:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy, pages=_PAGES)
        copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without a -wal beside it


def _pg_dump(database: Database) -> str:
    found = shutil.which("pg_dump")
    if found is None:
        raise SettingsError(
            f"{_NONE_MADE} of {database.shown}: pg_dump is not installed here; install the client "
            "programs of PostgreSQL, or use the backups of your platform"
        )
    return found


def _dump(program: str, database: Database, target: Path) -> None:
    """Run pg_dump.

    Other users of the machine see the arguments of its processes, so the password is not one.
    """
    url = database.url.set(drivername="postgresql")
    environment = dict(os.environ)
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
        # SQLAlchemy leaves a part of a URL alone that is set to None.
        url = url._replace(password=None)
    command = [program, "--format=custom", "--no-password", f"--file={target}"]
    done = subprocess.run(  # noqa: S603 - found on the operator's own PATH
        [*command, f"--dbname={url.render_as_string(hide_password=False)}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise SettingsError(f"{_NONE_MADE} of {database.shown}: {redact(said)}")
