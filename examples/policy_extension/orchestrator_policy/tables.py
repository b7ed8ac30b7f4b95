"""The extension's tables, as its newest migration leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Double, MetaData, String, Table, Text

_metadata: Final = MetaData()

callers: Final = Table(
    "extension_policy__callers",
    _metadata,
    Column("section", Text, primary_key=True),
    Column("cloud", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
)
"""One row per caller, which a transaction locks before it counts the caller's places."""

reservations: Final = Table(
    "extension_policy__reservations",
    _metadata,
    Column("section", Text, primary_key=True),
    Column("operation_id", String(32), primary_key=True),
    Column("cloud", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("node_id", Text),
    Column("reserved_at", Double, nullable=False),
)
"""One row per taken place. A start takes it under its operation's id; then it is tied to the VM."""
