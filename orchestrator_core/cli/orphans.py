"""``orchestrator orphans``: commands that list, adopt, ignore and destroy orphans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.cli.lists import json_option, moment, show_json
from orchestrator_core.cli.naming import known_vm, recorded_cloud, refuse_namesake, vm_named
from orchestrator_core.cli.options import config_option, opened, operator, with_clear_errors

if TYPE_CHECKING:  # they need SQLAlchemy
    from sqlalchemy import Connection

    from orchestrator_core.broker.orphans.orphans import Orphan


@click.group()
def orphans() -> None:
    """List, adopt, ignore or destroy VMs that have the marker of this installation but no owner."""


@orphans.command("list")
@config_option
@click.option("--cloud", help="Show only the orphans of this cloud.")
@json_option
@with_clear_errors
def list_(config: Path | None, cloud: str | None, *, as_json: bool) -> None:
    """List orphans, each with the reason why it was reported and when it was seen."""
    from orchestrator_core.broker.queries import orphans_of  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        wanted = recorded_cloud(config, database, cloud)
        found, scans = database.read_now(lambda c: orphans_of(c, wanted))
    if as_json:
        from orchestrator_core.api.v2.answers import encode_orphans  # noqa: PLC0415 - seldom needed

        show_json(bytes(encode_orphans(found, scans)))
    else:
        for orphan in found:
            click.echo(_line(orphan))


@orphans.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@click.option("--unseen", is_flag=True, help="Adopt a VM that the database does not know.")
@with_clear_errors
def adopt(config: Path | None, cloud: str, node: str, *, unseen: bool) -> None:
    """Make a VM one of this installation's own, whether or not it is an orphan."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)

    def work(connection: Connection) -> str:
        if unseen:
            refuse_namesake(connection, key)
        else:
            known_vm(connection, key, "; if the VM exists, pass --unseen")
        return rows.adopt(connection, key, operator())

    with opened(config) as database:
        operation = database.write_now(work)
    click.echo(f"{node} of {key.cloud} is adopted: operation {operation}")


@orphans.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@with_clear_errors
def ignore(config: Path | None, cloud: str, node: str) -> None:
    """Keep an orphan: no rule destroys it."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)
    with opened(config) as database:
        operation = database.write_now(lambda c: rows.ignore(c, key, operator()))
    click.echo(f"{node} of {key.cloud} is ignored: operation {operation}")


@orphans.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@with_clear_errors
def destroy(config: Path | None, cloud: str, node: str, *, yes: bool) -> None:
    """Record an operation that destroys a VM; the durable worker carries it out."""
    from orchestrator_core.broker.orphans import orphans as rows  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)
    with opened(config) as database:
        known = database.read_now(lambda connection: known_vm(connection, key))
        if not yes:
            name = f" ({known.name})" if known.name else ""
            question = f"Node {node}{name} of {key.cloud} will be destroyed. Continue?"
            click.confirm(question, abort=True)
        operation = database.write_now(lambda c: rows.destroy(c, key, operator()))
    click.echo(f"{node} of {key.cloud} is to be destroyed: operation {operation}")


def _line(orphan: Orphan) -> str:
    """Return two or three lines that fit into a narrow terminal."""
    name = f" ({orphan.name})" if orphan.name else ""
    first = moment(orphan.first_seen_at)
    ignored = f"\n  ignored by {orphan.ignored_by}" if orphan.ignored_by else ""
    times = f"{orphan.times_seen} time{'' if orphan.times_seen == 1 else 's'}"
    return (
        f"{orphan.node_id}{name} in {orphan.cloud}: {orphan.explanation}\n"
        f"  seen {times} since {first}{ignored}"
    )
