"""``orchestrator operations``: commands that show, retry and abandon operations."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.broker.states import OperationState
from orchestrator_core.cli.naming import recorded_cloud
from orchestrator_core.cli.options import config_option, opened, operator, with_clear_errors
from orchestrator_core.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.broker.operations.operation import Operation

_MOST = 50

_SILENT = 60.0
"""Seconds without a heartbeat after which a durable worker counts as dead."""


@click.group()
def operations() -> None:
    """Show operations, and retry or abandon those that are paused."""


@operations.command("list")
@config_option
@click.option(
    "--state",
    type=click.Choice([state.value for state in OperationState]),
    help="Show only operations in this state.",
)
@click.option("--cloud", help="Show only the operations of this cloud.")
@click.option(
    "--limit",
    default=_MOST,
    type=click.IntRange(1, 10_000),
    show_default=True,
    help="The largest number of operations to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_clear_errors
def list_(
    config: Path | None, state: str | None, cloud: str | None, limit: int, *, as_json: bool
) -> None:
    """List operations, the newest first."""
    from orchestrator_core.broker.operations import acquire, updates  # noqa: PLC0415 - they need SQLAlchemy

    with opened(config) as database:
        wanted = {"state": state, "cloud": recorded_cloud(config, database, cloud)}
        filters = {name: value for name, value in wanted.items() if value is not None}
        found = database.read_now(lambda c: updates.find(c, filters, limit, None))
        alone = not database.read_now(lambda c: acquire.has_worker(c, _SILENT))
    if alone and any(not operation.final for operation in found):
        click.echo(
            "No durable worker is running, so these operations do not continue; run: "
            "orchestrator serve, or orchestrator worker",
            err=True,
        )
    if as_json:
        click.echo(json.dumps([asdict(operation) for operation in found], indent=2))
    else:
        for operation in found:
            click.echo(_line(operation))


@operations.command()
@config_option
@click.argument("operation_id")
@with_clear_errors
def show(config: Path | None, operation_id: str) -> None:
    """Show one operation with all of its attempts, as JSON."""
    from orchestrator_core.broker.operations import attempts, updates  # noqa: PLC0415 - they need SQLAlchemy

    with opened(config) as database:
        found = database.read_now(lambda c: updates.get(c, operation_id))
        if found is None:
            raise OrchestratorError(f"There is no operation {operation_id!r}")
        history = database.read_now(lambda c: attempts.of(c, operation_id))
    shown = {**asdict(found), "history": [asdict(attempt) for attempt in history]}
    click.echo(json.dumps(shown, indent=2))


@operations.command()
@config_option
@click.argument("operation_id")
@with_clear_errors
def retry(config: Path | None, operation_id: str) -> None:
    """Try a paused or pending operation again now."""
    from orchestrator_core.broker import admin  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        database.write_now(lambda c: admin.retry(c, operation_id))
    click.echo(f"{operation_id} is due now")


@operations.command()
@config_option
@click.argument("operation_id")
@click.option("--reason", default="abandoned by an operator", help="The reason to record.")
@with_clear_errors
def abandon(config: Path | None, operation_id: str, reason: str) -> None:
    """End a paused or pending operation without carrying out its remaining steps.

    A VM that was being released returns to its holder; if its lease has expired, the lease is
    removed. A VM that was being destroyed is kept and can be assigned again.
    """
    from orchestrator_core.broker import admin  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        database.write_now(lambda c: admin.abandon(c, operation_id, operator(), reason))
    click.echo(f"{operation_id} is abandoned")


def _line(operation: Operation) -> str:
    """Return two or three lines that fit into a narrow terminal."""
    node = f" of node {operation.node_id}" if operation.node_id else ""
    recorded = datetime.fromtimestamp(operation.created_at, UTC).isoformat(timespec="seconds")
    times = f"{operation.attempts} attempt{'' if operation.attempts == 1 else 's'}"
    error = f"\n  {operation.error_code}: {operation.error_message}" if operation.error_code else ""
    return (
        f"{operation.id} {operation.state} {operation.kind}{node} in {operation.cloud}\n"
        f"  step {operation.step}, {times}, recorded {recorded}{error}"
    )
