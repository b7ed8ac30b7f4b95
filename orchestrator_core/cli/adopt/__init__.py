"""``orchestrator adopt``: take over VMs that a cloud has already, with the users they have."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.cli.adopt.listing import Listing, look
from orchestrator_core.cli.adopt.plan import Plan, make_plan
from orchestrator_core.cli.naming import vm_named
from orchestrator_core.cli.options import config_option, opened, operator, with_clear_errors
from orchestrator_core.errors import AssignHeld, Refused
from orchestrator_core.redaction import redact
from orchestrator_core.settings.load import load_settings

if TYPE_CHECKING:  # they need SQLAlchemy
    from sqlalchemy import Connection

    from orchestrator_core.broker.takeover import Takeover, Target
    from orchestrator_core.state.database import Database


@click.command()
@config_option
@click.argument("cloud")
@click.argument("nodes", metavar="[NODE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Take over every VM of the cloud.")
@click.option(
    "--users",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A CSV file with a VM and its user in each line: the columns are node or hostname, user, "
    "application, lease.",
)
@click.option(
    "--from-backend",
    metavar="NAME",
    help="Take over the VMs and users that the backend of [assignments.NAME] lists, for example a "
    "Cistern server.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@with_clear_errors
def adopt(  # noqa: PLR0913 - one for each option
    config: Path | None,
    cloud: str,
    nodes: tuple[str, ...],
    *,
    everything: bool,
    users: Path | None,
    from_backend: str | None,
    dry_run: bool,
) -> None:
    """Make VMs that a cloud has already this installation's own, with the users they have.

    Nothing is called in the cloud except its list of VMs, and nothing is ever destroyed. What is
    recorded already stays as it is, so that a second run changes nothing. The exit status is 1 if
    a VM could not be taken over.
    """
    if not (nodes or everything or users or from_backend):
        raise click.UsageError("Name VMs, or pass --all, --users or --from-backend")
    settings = load_settings(config)
    name = vm_named(config, cloud, nodes[0] if nodes else "any").cloud
    with opened(config) as database:
        listing = asyncio.run(look(settings, database, name, from_backend))
        plan = make_plan(listing, nodes, users, everything=everything)
        changed, same, refused = _carry_out(database, listing, plan, dry_run=dry_run)
    done = "would be taken over" if dry_run else "taken over"
    click.echo(f"{name}: {changed} {done}, {same} unchanged, {refused} refused")
    if refused:
        sys.exit(1)


def _carry_out(
    database: Database, listing: Listing, plan: Plan, *, dry_run: bool
) -> tuple[int, int, int]:
    """Take over each VM in a transaction of its own; return how many changed, stayed, were refused.

    A running server shares the database: one long transaction would hold up its changes.
    """
    from orchestrator_core.broker.takeover import Takeover  # noqa: PLC0415 - needs SQLAlchemy

    takeover = Takeover(
        listing.cloud, listing.settings, listing.backend, listing.asked_at, operator()
    )
    changed = same = 0
    refused = list(plan.refused)
    would = "would be " if dry_run else ""
    for target in plan.targets:
        shown = f"{target.node.id} ({target.node.name})"
        try:
            changes = _take(database, takeover, target, dry_run=dry_run)
        except (Refused, AssignHeld) as error:
            refused.append(f"{shown}: {error.message}")
            continue
        if changes:
            click.echo(redact(f"{shown}: {would}{', '.join(changes)}"))
        changed, same = changed + bool(changes), same + (not changes)
    for line in refused:
        click.echo(redact(f"orchestrator: {listing.cloud}: {line}"), err=True)
    return changed, same, len(refused)


class _DryRunError(Refused):
    """The end of a dry run, which rolls its transaction back."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__("dry run")
        self.changes = changes


def _take(database: Database, takeover: Takeover, target: Target, *, dry_run: bool) -> list[str]:
    def work(connection: Connection) -> list[str]:
        changes = takeover.take(connection, target)
        if dry_run:
            raise _DryRunError(changes)
        return changes

    try:
        return database.write_now(work)
    except _DryRunError as ended:
        return ended.changes
