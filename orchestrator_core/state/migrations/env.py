"""Run by Alembic for each command: uses the connection that the caller has open."""

from __future__ import annotations

from alembic import context

from orchestrator_core.state.tables import metadata

_given = context.config.attributes
_given["scripts"] = context.script  # for the caller: reading the migrations takes longest
_of_core = "version_table" not in _given

context.configure(
    connection=_given["connection"],
    target_metadata=metadata if _of_core else None,
    version_table=_given.get("version_table", "alembic_version"),
    on_version_apply=_given.get("on_version_apply"),
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
