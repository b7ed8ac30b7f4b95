"""An insert that leaves what is there as it is, in the words of either database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_there(connection: Connection, table: Table) -> Any:
    """Return an INSERT that does nothing where a constraint says that the row is there.

    Its type is the one that both dialects' inserts have in common: ``values``, ``from_select``,
    ``returning``.
    """
    module = postgresql if connection.dialect.name == "postgresql" else sqlite
    return module.insert(table).on_conflict_do_nothing()
