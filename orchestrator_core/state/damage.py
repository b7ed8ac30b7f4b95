"""The examination of an SQLite file for damage after an unexpected error."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import JSON, Boolean, Column, Double, Integer, Table

from orchestrator_core.state.tables import installation, last_backup, metadata

_SECONDS: Final = 5.0
_NUMBERS: Final = (Integer, Double, Boolean)


def find(file: Path) -> str:
    """Return a description of the damage in a database; empty if none is found.

    SQLite checks the structure, CHECK and NOT NULL (https://www.sqlite.org/pragma.html,
    quick_check). SQLite keeps no checksums, so the values of the core's own tables are read too.

    Args:
        file: The database file; it is not changed.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", timeout=_SECONDS, uri=True)
    except sqlite3.Error as error:
        return _words(error)
    try:
        return _structure(connection) or _values(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return "" if _is_locked(error) else _words(error)
    finally:
        connection.close()


def _structure(connection: sqlite3.Connection) -> str:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == "ok" else " ".join(str(found).split())


def _values(connection: sqlite3.Connection) -> str:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    found = {name for (name,) in names}
    if not found & set(metadata.tables):
        return ""  # none of the core's tables was made here yet
    for table in metadata.sorted_tables:
        if table is last_backup and table.name not in found:
            continue  # the schema is older than the table
        for condition, what in _conditions(table):
            statement = f"SELECT count(*) FROM {table.name} WHERE {condition}"  # noqa: S608
            (wrong,) = connection.execute(statement).fetchone()
            if wrong:
                return f"{what} in {wrong} rows of {table.name}"
        for _ in connection.execute(f"SELECT * FROM {table.name}"):  # noqa: S608 - our own names
            pass  # Python decodes every text, and fails if one is not UTF-8
    (rows,) = connection.execute(f"SELECT count(*) FROM {installation.name}").fetchone()  # noqa: S608
    return "" if rows == 1 else f"{installation.name} has {rows} rows instead of one"


def _conditions(table: Table) -> list[tuple[str, str]]:
    """Return conditions that only damaged rows meet, each with a description."""
    found = []
    for column in table.columns:
        name = f'"{column.name}"'
        if isinstance(column.type, JSON):
            wrong = f"{name} IS NOT NULL AND NOT json_valid({name})"
        else:
            types = _types(column)
            wrong = f"typeof({name}) NOT IN ({', '.join(repr(one) for one in types)})"
        found.append((wrong, f"a wrong value of {column.name}"))
    return found


def _types(column: Column[object]) -> tuple[str, ...]:
    own = ("integer", "real") if isinstance(column.type, _NUMBERS) else ("text",)
    return (*own, "null") if column.nullable else own


def _is_locked(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "text that is not UTF-8"
    return str(error).split("\n", 1)[0]
