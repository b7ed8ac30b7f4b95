"""The extension's table, as its newest migration leaves it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Double, Integer, MetaData, String, Table, Text

entries: Final = Table(
    "extension_audit__entries",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Double, nullable=False),
    Column("event", String(8), nullable=False),
    Column("operation_id", String(32)),
    Column("request_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("operation", String(32), nullable=False),
    Column("cloud", Text, nullable=False),
    Column("node_id", Text),
    Column("parameters", JSON, nullable=False),
    Column("outcome", String(64)),
    Column("duration", Double),
    Column("attempts", Integer),
)
"""One row for each event. Rows are never changed or deleted."""
