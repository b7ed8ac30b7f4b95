"""What the processes of one server remember of its database: they make it once.

A process that starts later, because another died say, and finds an empty database would begin
with a new one, in which nothing is assigned and no key was ever used.
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
    """Do nothing if no process of this server had another database under the same name.

    Args:
        database: that a process is about to use.
        directory: the server's run directory.

    Raises:
        SettingsError: if one had, with what to do.
        StateUnavailable: when the database cannot be had.
    """
    known = _known(database, directory)
    name = _name(database)
    if known and f"{name}-{_what_is_there(database)}" not in known:
        raise SettingsError(
            f"{database.shown} is not the database that this server began with: it was moved, "
            "deleted, replaced or emptied. Put it back, or stop the server and start it with "
            "the one that is there"
        )


def check_reload(database: Database, directory: Path) -> None:
    """As :func:`check`; another database than before is taken only if there is something in it.

    Raises:
        SettingsError: if it is not to be taken, with what to do.
        StateUnavailable: when the database cannot be had.
    """
    check(database, directory)
    has_one = any(directory.glob(DATABASE_FACTS))
    if has_one and _what_is_there(database) == _NOTHING:
        raise SettingsError(
            f"there is no database in {database.shown} yet, and this server has another one: what "
            f"is assigned there would be free here. If it is meant, {schema.UPGRADE}"
        )


def has_had_one(database: Database, directory: Path) -> bool:
    """Whether a process of this server had a database here: no other may be made in its place."""
    return bool(_known(database, directory))


def _known(database: Database, directory: Path) -> set[str]:
    """Return the facts, as the directory or the first process has them."""
    name = _name(database)
    told = (one for one in inherited() if one.startswith(f"{name}-"))
    return {*(file.name for file in directory.glob(f"{name}-*")), *told}


def remember(database: Database, directory: Path) -> None:
    """Let :func:`check` tell this database from others."""
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
