"""``orchestrator orphans``: VMs that carry our marker and that nobody owns."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.cli.naming import known_vm, recorded_cloud, refuse_namesake, vm_named
from orchestrator_core.cli.options import config_option, opened, operator, with_clear_errors
from orchestrator_core.errors import NodeNotFound

if TYPE_CHECKING:  # they need SQLAlchemy
    from sqlalchemy import Connection

    from orchestrator_core.broker.orphans.orphans import Orphan


@click.group()
def orphans() -> None:
    """Look at VMs that carry our marker and that nobody owns, and decide about them."""


@orphans.command("list")
@config_option
@click.option("--cloud", help="Only this cloud's.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_clear_errors
def list_(config: Path | None, cloud: str | None, *, as_json: bool) -> None:
    """Show them, with what was seen of each and why it is thought ours."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        wanted = recorded_cloud(config, database, cloud)
        found = database.read_now(lambda c: rows.once(c, rows.find(c, wanted)))
    if as_json:
        click.echo(json.dumps([asdict(orphan) for orphan in found], indent=2))
    else:
        for orphan in found:
            click.echo(_line(orphan, rows.REASONS[orphan.reason]))


@orphans.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@click.option("--unseen", is_flag=True, help="Adopt it although the database knows nothing of it.")
@with_clear_errors
def adopt(config: Path | None, cloud: str, node: str, *, unseen: bool) -> None:
    """Take a VM for our own from now on; any VM of a cloud can be, not only an orphan."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)

    def work(connection: Connection) -> str:
        if unseen:
            refuse_namesake(connection, key)
        else:
            known_vm(connection, key, "; if it is there all the same: --unseen")
        return rows.adopt(connection, key, operator())

    with opened(config) as database:
        operation = database.write_now(work)
    click.echo(f"{node} of {key.cloud} is our own now: operation {operation}")


@orphans.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@with_clear_errors
def ignore(config: Path | None, cloud: str, node: str) -> None:
    """Let an orphan be; no rule destroys it."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)
    with opened(config) as database:
        done = database.write_now(lambda c: rows.ignore(c, key.cloud, node, operator().caller))
    if not done:
        raise NodeNotFound(f"There is no orphan {node} in {key.cloud}")
    click.echo(f"{node} of {key.cloud} is ignored")


@orphans.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
@with_clear_errors
def destroy(config: Path | None, cloud: str, node: str, *, yes: bool) -> None:
    """Have a VM destroyed by the durable worker."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)
    with opened(config) as database:
        known = database.read_now(lambda connection: known_vm(connection, key))
        if not yes:
            name = f" ({known.name})" if known.name else ""
            question = f"Node {node}{name} of {key.cloud} will be destroyed. Go on?"
            click.confirm(question, abort=True)
        operation = database.write_now(lambda c: rows.destroy(c, key, operator()))
    click.echo(f"{node} of {key.cloud} is to be destroyed: operation {operation}")


def _line(orphan: Orphan, why: str) -> str:
    """Two lines or three, of which none needs a wide terminal."""
    name = f" ({orphan.name})" if orphan.name else ""
    first = datetime.fromtimestamp(orphan.first_seen_at, UTC).isoformat(timespec="seconds")
    ignored = f"\n  ignored by {orphan.ignored_by}" if orphan.ignored_by else ""
    times = f"{orphan.times_seen} time{'' if orphan.times_seen == 1 else 's'}"
    return f"{orphan.node_id}{name} in {orphan.cloud}: {why}\n  seen {times} since {first}{ignored}"
