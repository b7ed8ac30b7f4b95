"""INSERT statements with a conflict clause, in the dialect of either database."""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


@functools.cache
def insert_unless_there(dialect: str, table: Table) -> Any:
    """Return an INSERT that does nothing if a constraint finds that the row already exists.

    Use only the methods that both dialects' inserts have: ``values``, ``from_select`` and
    ``returning``. The statement is cached. Pass the values as parameters to keep it cheap.
    """
    return insert_of(dialect, table).on_conflict_do_nothing()


def insert_of(dialect: str, table: Table) -> Any:
    """Return an INSERT that accepts an ON CONFLICT clause."""
    module = postgresql if dialect == "postgresql" else sqlite
    return module.insert(table)
