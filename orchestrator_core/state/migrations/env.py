"""Run by Alembic for each command: uses the connection that the caller has open."""

from __future__ import annotations

from alembic import context

from orchestrator_core.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
