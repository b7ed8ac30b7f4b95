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
"""Whose places are counted: the row is locked by who counts them."""

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
"""A place that is taken: by a start under its operation's id, then by its VM."""
