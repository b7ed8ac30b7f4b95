"""Leases: when an assignment ends by itself."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, text

revision = "0002"
down_revision = "0001"
oldest_reader = 1

_OPEN = text("ended_at IS NULL AND lease_expires_at IS NOT NULL")


def upgrade() -> None:
    """Add the column, which older code leaves empty, and what finds leases that have run out."""
    op.add_column("assignments", Column("lease_expires_at", Double))
    op.create_index(
        "ix_assignments_lease_expires_at",
        "assignments",
        ["lease_expires_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
