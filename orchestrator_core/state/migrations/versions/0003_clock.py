"""The database's clock: whether it is trusted, and what it was compared with."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, Double, Integer, String, Text

revision = "0003"
down_revision = "0002"
oldest_reader = 1


def upgrade() -> None:
    """Add two tables, of which older code knows nothing."""
    hold = op.create_table(
        "clock_hold",
        Column("singleton", Integer, primary_key=True),
        Column("epoch", Integer, nullable=False),
        Column("held_at", Double),
        Column("gap", Double),
        Column("why", Text),
        CheckConstraint("singleton = 1", name="one_row"),
    )
    op.bulk_insert(hold, [{"singleton": 1, "epoch": 1}])
    op.create_table(
        "clock_anchors",
        Column("machine", String(128), primary_key=True),
        Column("epoch", Integer, nullable=False),
        Column("at", Double, nullable=False),
        Column("uptime", Double, nullable=False),
        Column("since", Double, nullable=False),
    )
