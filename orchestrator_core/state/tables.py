"""All tables of the core. Times are seconds since 1970 by the database's own clock.

The migrations make the tables; a test compares the migrations with these definitions.
"""

from __future__ import annotations

from typing import Final

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

from orchestrator_core.state.message import Message

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
"""One row: the installation's id and the holds on destruction.

``oldest_reader`` is the oldest schema whose code still works on this one. ``place`` is the place of
the database when it was made or when an operator last confirmed it.
"""

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
"""Web workers and durable workers that are alive, or were recently."""

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
    Column("error_message", Message),
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
"""All changes of VMs, each recorded before a cloud or a backend is called.

``step`` is the next step. ``unsettled`` means that the step may have been done already, by an
attempt whose outcome is unknown. ``owner`` is the process that runs the operation now, and
``process`` the one that ran it last. ``fence`` rises with each
process that takes the operation over, so late writes of an earlier process have no effect.
"""

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
    Column("error_message", Message),
)
"""The outcomes of attempts.

An operation that ended with its first attempt has no row here; its own row has the outcome.
"""

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
    # The VMs that no scan has seen yet are few: those of the last minutes.
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
"""All VMs that this installation knows.

A VM is ``gone`` only after its cloud has confirmed that. ``generation`` is the number of holders
that the VM has had. ``operation_id`` is the operation that started the VM. ``seen_at`` is the time
when its cloud last showed the VM.
"""

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
"""Present and past assignments; a VM has at most one assignment that has not ended.

``lease_expires_at`` is the time when the lease expires unless it is renewed; null without a lease.
"""

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
    Column("reason", Message),
    Index("ix_assignment_events_assignment_id", "assignment_id"),
)
"""The history of assignments: their events, in order."""

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
"""Callers' Idempotency-Keys and the operations that they stand for."""

orphan_scans = Table(
    "orphan_scans",
    metadata,
    Column("cloud", String(64), primary_key=True),
    Column("due_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("nodes", Integer),
    Column("error_message", Message),
)
"""The orphan scan of each cloud: the time of the next one and the result of the last one."""

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
"""VMs that carry this installation's marker but have no owner, with what the scans saw of them."""

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
"""One row: the trust in the database's clock.

``held_at`` and ``reason`` are set while the clock is not trusted. ``gap`` is the number of seconds
between the last moment when the clock was certainly right and ``held_at``. ``epoch`` is the number
of times that trust was restored.
"""

clock_anchors = Table(
    "clock_anchors",
    metadata,
    Column("machine", String(128), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("uptime", Double, nullable=False),
    Column("since", Double, nullable=False),
)
"""Each machine's last reading: the database's clock (``at``) and the machine's ``uptime``.

``machine`` is one boot of one machine. ``since`` is the uptime at which its readings began; after
that, each reading was compared with the one before.
"""

last_backup = Table(
    "last_backup",
    metadata,
    Column("singleton", Integer, primary_key=True),
    Column("made_at", Double, nullable=False),
    Column("target", Text, nullable=False),
    Column("host", Text, nullable=False),
    CheckConstraint("singleton = 1", name="one_row"),
)
"""At most one row: the last backup of this database, its file and the machine that made it.

Added by schema 5; a database of schema 4 lacks the table.
"""
