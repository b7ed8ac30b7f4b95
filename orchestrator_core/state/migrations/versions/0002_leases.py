"""Leases: when an assignment ends by itself."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, text

revision = "0002"
down_revision = "0001"
oldest_reader = 1


def upgrade() -> None:
    """Add the column, which older code leaves empty, and what finds leases that have run out."""
    op.add_column("assignments", Column("lease_expires_at", Double))
    op.create_index(
        "ix_assignments_ended_at_lease_expires_at",
        "assignments",
        ["ended_at", "lease_expires_at"],
        sqlite_where=text("lease_expires_at IS NOT NULL"),
        postgresql_where=text("lease_expires_at IS NOT NULL"),
    )
