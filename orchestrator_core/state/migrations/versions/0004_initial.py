"""The first schema: operations, the ledger, idempotency keys, the installation.

The tables are written out here instead of imported from ``tables``, because a released migration
must not change when the tables do.
"""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

revision = "0004"
down_revision = None
oldest_reader = 4

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json: Final = JSON(none_as_null=True)

# SQLite numbers rows automatically only in a column of the type INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")

installation = Table(
    "installation",
    metadata,
    Column("singleton", Integer, primary_key=True),
    Column("id", String(12), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("oldest_reader", Integer, nullable=False),
    Column("place", Text, nullable=False),
    Column("frozen_at", Double),
    Column("frozen_by", Text),
    Column("frozen_reason", Text),
    Column("restored_at", Double),
    Column("restored_reason", Text),
    CheckConstraint("singleton = 1", name="one_row"),
)

processes = Table(
    "processes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("identity", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("cloud", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("step", String(16), nullable=False),
    Column("unsettled", Boolean, nullable=False),
    Column("caller", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("parameters", Json, nullable=False),
    Column("node_id", Text),
    Column("assignment_id", String(32)),
    Column("result", Json),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("owner", String(32)),
    Column("process", String(32)),
    Column("fence", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attempt_started_at", Double),
    Column("next_attempt_at", Double),
    Column("deadline_at", Double, nullable=False),
    Column("answered_at", Double),
    Column("finished_at", Double),
    CheckConstraint(
        "state IN ('pending', 'running', 'paused', 'succeeded', 'failed', 'abandoned')",
        name="state",
    ),
    CheckConstraint("(state = 'running') = (owner IS NOT NULL)", name="owned_while_running"),
    CheckConstraint(
        "(state IN ('succeeded', 'failed', 'abandoned')) = (finished_at IS NOT NULL)",
        name="finished",
    ),
    # One small index of the unfinished operations, for those that are due and those that run.
    Index(
        "ix_operations_open",
        "next_attempt_at",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index("ix_operations_cloud_node_id", "cloud", "node_id"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column(
        "operation_id",
        String(32),
        ForeignKey(operations.c.id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("step", String(16), nullable=False),
    Column("process", String(32), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
)

vms = Table(
    "vms",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("cloud", String(64), nullable=False),
    Column("node_id", Text, nullable=False),
    Column("name", Text),
    Column("origin", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("operation_id", String(32)),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double),
    Column("destroy_started_at", Double),
    Column("gone_at", Double),
    CheckConstraint("origin IN ('started', 'adopted', 'given')", name="origin"),
    CheckConstraint("state IN ('present', 'releasing', 'destroying', 'gone')", name="state"),
    CheckConstraint("(state = 'gone') = (gone_at IS NOT NULL)", name="gone"),
    Index(
        "uq_vms_cloud_node_id",
        "cloud",
        "node_id",
        unique=True,
        sqlite_where=text("gone_at IS NULL"),
        postgresql_where=text("gone_at IS NULL"),
    ),
    Index(
        "ix_vms_gone_at",
        "gone_at",
        sqlite_where=text("gone_at IS NOT NULL"),
        postgresql_where=text("gone_at IS NOT NULL"),
    ),
    Index(
        "ix_vms_cloud_created_at",
        "cloud",
        "created_at",
        sqlite_where=text("seen_at IS NULL AND gone_at IS NULL"),
        postgresql_where=text("seen_at IS NULL AND gone_at IS NULL"),
    ),
    Index(
        "ix_vms_cloud_destroy_began_at",
        "cloud",
        "destroy_started_at",
        sqlite_where=text("destroy_started_at IS NOT NULL"),
        postgresql_where=text("destroy_started_at IS NOT NULL"),
    ),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("vm_id", _Serial, ForeignKey(vms.c.id), nullable=False),
    Column("cloud", String(64), nullable=False),
    Column("node_id", Text, nullable=False),
    Column("hostname", Text),
    Column("user", Text, nullable=False),
    Column("vm_type", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("backend", String(64), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", Json),
    Column("created_at", Double, nullable=False),
    Column("assigned_at", Double),
    Column("ended_at", Double),
    Column("end_reason", String(16)),
    Column("lease_expires_at", Double),
    CheckConstraint("state IN ('assigning', 'active', 'releasing', 'ended')", name="state"),
    CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
    Index(
        "uq_assignments_vm_id",
        "vm_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_assignments_user", "user"),
    Index("ix_assignments_cloud_node_id", "cloud", "node_id"),
    Index("ix_assignments_ended_at", "ended_at"),
    # With this index, the search for expired leases costs nothing if no assignment has a lease.
    # With both columns in it, SQLite prefers it to the index on ended_at, which would lead to all
    # assignments that have not ended.
    Index(
        "ix_assignments_ended_at_lease_expires_at",
        "ended_at",
        "lease_expires_at",
        sqlite_where=text("lease_expires_at IS NOT NULL"),
        postgresql_where=text("lease_expires_at IS NOT NULL"),
    ),
)

assignment_events = Table(
    "assignment_events",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column(
        "assignment_id",
        String(32),
        ForeignKey(assignments.c.id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("at", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("caller", Text),
    Column("request_id", Text),
    Column("operation_id", String(32)),
    Column("reason", Text),
    Index("ix_assignment_events_assignment_id", "assignment_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("method", String(8), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("body_digest", String(64), nullable=False),
    Column(
        "operation_id", String(32), ForeignKey(operations.c.id, ondelete="CASCADE"), nullable=False
    ),
    Column("expires_at", Double, nullable=False),
    Index("ix_idempotency_keys_operation_id", "operation_id"),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
)

orphan_scans = Table(
    "orphan_scans",
    metadata,
    Column("cloud", String(64), primary_key=True),
    Column("due_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("nodes", Integer),
    Column("error_message", Text),
)

orphans = Table(
    "orphans",
    metadata,
    Column("cloud", String(64), primary_key=True),
    Column("node_id", Text, primary_key=True),
    Column("name", Text),
    Column("marker", Text, nullable=False),
    Column("operation_id", String(32), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("first_seen_at", Double, nullable=False),
    Column("last_seen_at", Double, nullable=False),
    Column("times_seen", Integer, nullable=False),
    Column("ignored_at", Double),
    Column("ignored_by", Text),
)

clock_hold = Table(
    "clock_hold",
    metadata,
    Column("singleton", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("held_at", Double),
    Column("gap", Double),
    Column("reason", Text),
    CheckConstraint("singleton = 1", name="one_row"),
)

clock_anchors = Table(
    "clock_anchors",
    metadata,
    Column("machine", String(128), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("uptime", Double, nullable=False),
    Column("since", Double, nullable=False),
)


def upgrade() -> None:
    """Create the tables; trust the clock of a new database."""
    metadata.create_all(op.get_bind())
    op.bulk_insert(clock_hold, [{"singleton": 1, "epoch": 1}])
