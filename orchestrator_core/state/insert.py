"""An insert that leaves what is there as it is, in the words of either database."""

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
    module = postgresql if dialect == "postgresql" else sqlite
    return module.insert(table).on_conflict_do_nothing()
