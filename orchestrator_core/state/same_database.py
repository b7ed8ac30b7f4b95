"""Records of a server's database in its run directory, so that the server makes it only once.

A process may start later than the others, for example because another one died. If it found an
empty database, it would otherwise make a new one, in which no VM is assigned and no key is used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError
from orchestrator_core.run_directory import DATABASE, DATABASE_FACTS, inherited
from orchestrator_core.state import schema
from orchestrator_core.state.database import Database

_DIGITS: Final = 16
_NOTHING: Final = "nothing"


def check(database: Database, directory: Path) -> None:
    """Check that no process of this server has used another database under the same name.

    Args:
        database: The database that a process is about to use.
        directory: The server's run directory.

    Raises:
        SettingsError: A process has; the message says what to do.
        StateUnavailable: The database cannot be reached.
    """
    known = _known(database, directory)
    name = _name(database)
    if known and f"{name}-{_what_is_there(database)}" not in known:
        raise SettingsError(
            f"{database.shown} is not the database that this server began with: it was moved, "
            "deleted, replaced or emptied. Put it back, or stop the server and start it with "
            "the present one"
        )


def check_reload(database: Database, directory: Path) -> None:
    """Do what :func:`check` does, and refuse to change to a database that is empty.

    Raises:
        SettingsError: The database is refused; the message says what to do.
        StateUnavailable: The database cannot be reached.
    """
    check(database, directory)
    has_one = any(directory.glob(DATABASE_FACTS))
    if has_one and _what_is_there(database) == _NOTHING:
        raise SettingsError(
            f"there is no database in {database.shown} yet, and this server uses another one, "
            f"whose assignments would be missing here. To change the database, {schema.UPGRADE}"
        )


def has_had_one(database: Database, directory: Path) -> bool:
    """Return whether a process of this server has used this database; then no new one is made."""
    return bool(_known(database, directory))


def _known(database: Database, directory: Path) -> set[str]:
    """Return the records of a database, from the directory and from the first process."""
    name = _name(database)
    handed = (one for one in inherited() if one.startswith(f"{name}-"))
    return {*(file.name for file in directory.glob(f"{name}-*")), *handed}


def remember(database: Database, directory: Path) -> None:
    """Record this database, so that :func:`check` can distinguish it from others."""
    fact = directory / f"{_name(database)}-{_what_is_there(database)}"
    if fact.name not in inherited() and not fact.exists():
        fact.touch()


def _name(database: Database) -> str:
    digest = hashlib.sha256(database.shown.encode()).hexdigest()
    return f"{DATABASE}-{digest[:_DIGITS]}"


def _what_is_there(database: Database) -> str:
    if database.is_sqlite:
        return database.file_identity or _NOTHING
    return _NOTHING if database.read_now(schema.current) is None else "something"
