"""The contents of a database schema, for a comparison before and after a migration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, inspect, text

Thing = tuple[str, str]
"""The table, function or type that an item belongs to, and the item's full definition."""

_SQLITE: Final = text("SELECT tbl_name, coalesce(sql, name) FROM sqlite_master")

_POSTGRESQL: Final = text("""
    WITH ours AS (
        SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace
    )
    SELECT relname, relkind::text FROM ours WHERE relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT relname, pg_get_indexdef(indexrelid)
    FROM pg_index JOIN ours ON ours.oid = indrelid
    UNION ALL
    SELECT relname, concat_ws(
        ' ', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
    )
    FROM pg_attribute JOIN ours ON ours.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT relname, conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
    FROM pg_constraint JOIN ours ON ours.oid = conrelid
    UNION ALL
    SELECT relname, pg_get_triggerdef(pg_trigger.oid)
    FROM pg_trigger JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT proname, md5(prosrc) || pg_get_function_identity_arguments(oid)
    FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    UNION ALL
    SELECT typname, typtype::text FROM pg_type
    WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
""")


def things(connection: Connection, wanted: Callable[[str], bool]) -> set[Thing]:
    """Return the items of the tables, functions and types whose names are wanted."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    rows = connection.execute(query)
    return {(owner, what) for owner, what in rows if wanted(owner)}


def referred_tables(connection: Connection, wanted: Callable[[str], bool]) -> set[str]:
    """Return the tables that foreign keys of the wanted tables point to."""
    inspector = inspect(connection)
    return {
        key["referred_table"]
        for table in inspector.get_table_names()
        if wanted(table)
        for key in inspector.get_foreign_keys(table)
    }
