"""``orchestrator operations``: commands that show, retry and abandon operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.broker.states import OperationState
from orchestrator_core.cli.lists import (
    id_after,
    json_option,
    moment,
    page_options,
    show_json,
    show_rows,
)
from orchestrator_core.cli.naming import recorded_cloud
from orchestrator_core.cli.options import config_option, opened, operator, with_clear_errors
from orchestrator_core.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.broker.operations.operation import Operation

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
@page_options
@json_option
@with_clear_errors
def list_(  # noqa: PLR0913 - one for each option
    config: Path | None,
    state: str | None,
    cloud: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List operations, the newest first."""
    from orchestrator_core.broker.operations import acquire, updates  # noqa: PLC0415 - they need SQLAlchemy

    begin = id_after(cursor)
    with opened(config) as database:
        wanted = {"state": state, "cloud": recorded_cloud(config, database, cloud)}
        filters = {name: value for name, value in wanted.items() if value is not None}
        found = database.read_now(lambda c: updates.find(c, filters, limit + 1, begin))
        alone = not database.read_now(lambda c: acquire.has_worker(c, _SILENT))
    if alone and any(not operation.final for operation in found):
        click.echo(
            "No durable worker is running, so these operations do not continue; run: "
            "orchestrator serve, or orchestrator worker",
            err=True,
        )
    if as_json:
        from orchestrator_core.api.v2 import answers, records  # noqa: PLC0415 - seldom needed

        body, _ = records.encode_rows("operations", found, answers.shape_operation, limit)
        show_json(bytes(body))
    else:
        show_rows(found, limit, _line)


@operations.command()
@config_option
@click.argument("operation_id")
@with_clear_errors
def show(config: Path | None, operation_id: str) -> None:
    """Show one operation with all of its attempts, as version 2 of the API answers."""
    from orchestrator_core.api.v2 import answers  # noqa: PLC0415 - seldom needed
    from orchestrator_core.broker.operations import attempts, updates  # noqa: PLC0415 - they need SQLAlchemy

    with opened(config) as database:
        found = database.read_now(lambda c: updates.get(c, operation_id))
        if found is None:
            raise OrchestratorError(f"There is no operation {operation_id!r}")
        history = database.read_now(lambda c: attempts.of(c, operation_id))
    show_json(answers.encode_operation(found, history))


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
    recorded = moment(operation.created_at)
    times = f"{operation.attempts} attempt{'' if operation.attempts == 1 else 's'}"
    error = f"\n  {operation.error_code}: {operation.error_message}" if operation.error_code else ""
    return (
        f"{operation.id} {operation.state} {operation.kind}{node} in {operation.cloud}\n"
        f"  step {operation.step}, {times}, recorded {recorded}{error}"
    )
