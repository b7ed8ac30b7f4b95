"""The table of entries, and the triggers that refuse changes of entries."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ENTRIES: Final = "extension_audit__entries"


def upgrade() -> None:
    """Create the table and the triggers."""
    op.create_table(
        _ENTRIES,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("event", sa.String(8), nullable=False),
        sa.Column("operation_id", sa.String(32)),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("cloud", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("outcome", sa.String(64)),
        sa.Column("duration", sa.Double),
        sa.Column("attempts", sa.Integer),
        sa.CheckConstraint("event IN ('begun', 'ended')", name=f"ck_{_ENTRIES}_event"),
        sa.CheckConstraint(
            "(event = 'ended') = (outcome IS NOT NULL)", name=f"ck_{_ENTRIES}_outcome"
        ),
    )
    for column in ("at", "operation_id", "node_id"):
        op.create_index(f"ix_{_ENTRIES}_{column}", _ENTRIES, [column])
    statements = _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE
    for statement in statements:
        op.execute(statement)


_SQLITE: Final = (
    """
    CREATE TRIGGER extension_audit__no_update BEFORE UPDATE ON extension_audit__entries
    BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END
    """,
    """
    CREATE TRIGGER extension_audit__no_delete BEFORE DELETE ON extension_audit__entries
    BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END
    """,
    # INSERT OR REPLACE deletes a row without firing the trigger for DELETE.
    """
    CREATE TRIGGER extension_audit__no_replace BEFORE INSERT ON extension_audit__entries
    WHEN EXISTS (SELECT 1 FROM extension_audit__entries WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END
    """,
)

_POSTGRESQL: Final = (
    """
    CREATE FUNCTION extension_audit__refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit trail only grows'; END $$
    """,
    """
    CREATE TRIGGER extension_audit__only_grows
    BEFORE UPDATE OR DELETE OR TRUNCATE ON extension_audit__entries
    FOR EACH STATEMENT EXECUTE FUNCTION extension_audit__refuse()
    """,
)
