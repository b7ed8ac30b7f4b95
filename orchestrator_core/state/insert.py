"""Inserts that know what to do if the row is there, in the words of either database."""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


@functools.cache
def insert_unless_there(dialect: str, table: Table) -> Any:
    """Return an INSERT that does nothing where a constraint says that the row is there.

    Its type is the one that both dialects' inserts have in common: ``values``, ``from_select``,
    ``returning``. It is the same one each time: given its values as parameters, it is cheap.
    """
    return insert_of(dialect, table).on_conflict_do_nothing()


def insert_of(dialect: str, table: Table) -> Any:
    """Return an INSERT that can be told what to do in a conflict."""
    module = postgresql if dialect == "postgresql" else sqlite
    return module.insert(table)
