"""The record of the last backup."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, Double, Integer, Text

revision = "0005"
down_revision = "0004"
oldest_reader = 4


def upgrade() -> None:
    """Create the table; no backup is known."""
    op.create_table(
        "last_backup",
        Column("singleton", Integer, primary_key=True),
        Column("made_at", Double, nullable=False),
        Column("target", Text, nullable=False),
        Column("host", Text, nullable=False),
        CheckConstraint("singleton = 1", name="one_row"),
    )
