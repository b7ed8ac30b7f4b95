"""The first tables: callers and their reservations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "extension_policy__callers",
        sa.Column("section", sa.Text, primary_key=True),
        sa.Column("cloud", sa.Text, primary_key=True),
        sa.Column("caller", sa.Text, primary_key=True),
    )
    op.create_table(
        "extension_policy__reservations",
        sa.Column("section", sa.Text, primary_key=True),
        sa.Column("operation_id", sa.String(32), primary_key=True),
        sa.Column("cloud", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text),
        sa.Column("reserved_at", sa.Double, nullable=False),
    )
    op.create_index(
        "ix_extension_policy__reservations_caller",
        "extension_policy__reservations",
        ["section", "cloud", "caller"],
    )
    op.create_index(
        "ix_extension_policy__reservations_node_id",
        "extension_policy__reservations",
        ["cloud", "node_id"],
    )
