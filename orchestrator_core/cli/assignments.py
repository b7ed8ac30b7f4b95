"""``orchestrator assignments``: commands that show who holds which VM, and since when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.broker.states import AssignmentState
from orchestrator_core.cli.lists import (
    id_after,
    json_option,
    moment,
    page_options,
    show_json,
    show_rows,
)
from orchestrator_core.cli.naming import recorded_cloud
from orchestrator_core.cli.options import config_option, opened, with_clear_errors
from orchestrator_core.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.broker.ledger.vm import Assignment


@click.group()
def assignments() -> None:
    """Show the present and former assignments of VMs."""


@assignments.command("list")
@config_option
@click.option("--cloud", help="Show only the assignments of this cloud.")
@click.option("--user", help="Show only the assignments of this user.")
@click.option("--application", help="Show only the assignments for this application.")
@click.option("--node", help="Show only the assignments of the node with this id.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in AssignmentState]),
    help="Show only assignments in this state.",
)
@page_options
@json_option
@with_clear_errors
def list_(  # noqa: PLR0913 - one for each option
    config: Path | None,
    *,
    cloud: str | None,
    user: str | None,
    application: str | None,
    node: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List assignments, the newest first."""
    from orchestrator_core.broker.ledger import queries  # noqa: PLC0415 - needs SQLAlchemy

    begin = id_after(cursor)
    with opened(config) as database:
        wanted = {
            "cloud": recorded_cloud(config, database, cloud),
            "user": user,
            "vm_type": application,
            "node_id": node,
            "state": state,
        }
        filters = {name: value for name, value in wanted.items() if value is not None}
        found = database.read_now(lambda c: queries.find(c, filters, limit + 1, begin))
    if as_json:
        from orchestrator_core.api.v2 import answers, records  # noqa: PLC0415 - seldom needed

        body, _ = records.encode_rows("assignments", found, answers.shape_assignment, limit)
        show_json(bytes(body))
    else:
        show_rows(found, limit, _line)


@assignments.command()
@config_option
@click.argument("assignment_id")
@with_clear_errors
def show(config: Path | None, assignment_id: str) -> None:
    """Show one assignment with all of its events, as version 2 of the API answers."""
    from orchestrator_core.api.v2 import answers  # noqa: PLC0415 - seldom needed
    from orchestrator_core.broker.ledger import assignments as rows  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.broker.ledger import queries  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        found = database.read_now(lambda c: rows.get(c, assignment_id))
        if found is None:
            raise OrchestratorError(f"There is no assignment {assignment_id!r}")
        events = database.read_now(lambda c: queries.history(c, assignment_id))
    show_json(bytes(answers.encode_assignment(found, events)))


def _line(assignment: Assignment) -> str:
    """Return two or three lines that fit into a narrow terminal."""
    name = f" ({assignment.hostname})" if assignment.hostname else ""
    lease = ""
    if assignment.lease_expires_at is not None and assignment.ended_at is None:
        lease = f", lease until {moment(assignment.lease_expires_at)}"
    ended = ""
    if assignment.ended_at is not None:
        why = assignment.end_reason or "released"
        ended = f"\n  ended {moment(assignment.ended_at)}: {why}"
    return (
        f"{assignment.id} {assignment.state} node {assignment.node_id}{name} in "
        f"{assignment.cloud}\n  {assignment.user} for {assignment.vm_type}, generation "
        f"{assignment.generation}, recorded {moment(assignment.created_at)}{lease}{ended}"
    )
