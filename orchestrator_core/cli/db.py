"""``orchestrator db``: the database's schema, and what to do with one out of a backup."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.cli import plugin_tables
from orchestrator_core.cli.options import (
    config_option,
    opened,
    opened_as_it_is,
    operator,
    with_clear_errors,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.state.database import Database


@click.group()
def db() -> None:
    """Look after the database of [state]."""


@db.command()
@config_option
@with_clear_errors
def upgrade(config: Path | None) -> None:
    """Bring the database, and the tables of plugins, to the newest schema.

    Servers may go on meanwhile. What fails in a plugin stops nothing else; the exit status is 1.
    """
    from orchestrator_core.state.upgrade import upgrade as run  # noqa: PLC0415 - needs Alembic

    with opened_as_it_is(config) as database:
        before, after = run(database)
        database.checkpoint()
        if before == after:
            click.echo(f"The database has schema {after} already: {database.shown}")
        else:
            click.echo(f"Upgraded from schema {before or 'none'} to {after}: {database.shown}")
        done = [plugin_tables.upgrade(database, record) for record in plugin_tables.used(config)]
    if not all(done):
        sys.exit(1)


@db.command()
@config_option
@with_clear_errors
def current(config: Path | None) -> None:
    """Tell which schema the database has, and which revisions the tables of plugins have."""
    from orchestrator_core.state import schema  # noqa: PLC0415 - needs SQLAlchemy

    with opened_as_it_is(config) as database:
        there = not database.untouched
        found = database.read_now(schema.current) if there else None
        click.echo(f"schema {found or 'none'}; this version was written for {schema.SCHEMA}")
        for record in plugin_tables.used(config) if there else ():
            plugin_tables.show(database, record)


@db.command()
@config_option
@click.option("--confirm", is_flag=True, help="The clock is right: leases end by it again.")
@with_clear_errors
def clock(config: Path | None, *, confirm: bool) -> None:
    """Tell whether the database's clock is trusted, and which leases have run out by it.

    After a jump of more than `clock_jump` no lease ends, and durable workers begin nothing, until
    the clock is back or --confirm. Renew the leases that must not end first.
    """
    from orchestrator_core.broker.ledger import leases  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state import clock_hold  # noqa: PLC0415

    with opened(config) as database:
        reading = database.read_now(clock_hold.read)
        shown = datetime.fromtimestamp(reading.at, UTC).isoformat(" ", "seconds")
        click.echo(f"The database's clock shows {shown}")
        click.echo(f"It is in doubt: {reading.reason}" if reading.reason else "It is trusted")
        for one in database.read_now(leases.run_out):
            click.echo(f"run out: node {one.node_id} of {one.cloud}, assigned to {one.user}")
        if confirm:
            was = database.write_now(clock_hold.confirm)
            click.echo("Confirmed: leases end by it again" if was else "Nothing to confirm")
        elif reading.reason:
            click.echo("When it is right: orchestrator db clock --confirm")


def _moved(database: Database) -> str:
    """Why a server that ran on a database would destroy nothing; empty if it would."""
    from orchestrator_core.state import installation  # noqa: PLC0415 - needs SQLAlchemy

    place = database.place
    moved = database.read_now(lambda connection: installation.is_moved(connection, place))
    return installation.MOVED if moved else ""


@db.command()
@config_option
@with_clear_errors
def check(config: Path | None) -> None:
    """Find out whether this version and its plugins can work on the database.

    The exit status is 1 if not.
    """
    from orchestrator_core.state import clock_hold, installation  # noqa: PLC0415 - SQLAlchemy

    with opened(config) as database:
        itself = database.read_now(installation.read)
        click.echo(f"usable; installation {itself.id}")
        held = itself.held or _moved(database)
        if held:
            click.echo(f"nothing is destroyed: {held}")
        doubt = database.read_now(clock_hold.read).reason
        if doubt:
            click.echo(f"no lease ends: the clock is in doubt: {doubt}")
        usable = [plugin_tables.show(database, record) for record in plugin_tables.used(config)]
    if not all(usable):
        sys.exit(1)


@db.command()
@config_option
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@with_clear_errors
def backup(config: Path | None, target: Path) -> None:
    """Copy an SQLite database, whole, into the new file TARGET; servers may go on meanwhile.

    A copy of its file alone is not whole: the newest changes stand beside it, in its -wal.
    """
    from orchestrator_core.state.backup import back_up  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        back_up(database, target)
    click.echo(f"{target} is a whole copy; restored, it needs: orchestrator db restored")


@db.command()
@config_option
@click.option("--confirm", is_flag=True, help="The rows are right: destroy again what is due.")
@click.option(
    "--new-installation",
    is_flag=True,
    help="With --confirm: this is a copy that lives on beside the original, and not its successor.",
)
@with_clear_errors
def restored(config: Path | None, *, confirm: bool, new_installation: bool) -> None:
    """Say that the database came out of a backup: nothing is destroyed until --confirm.

    Meanwhile look at `orchestrator operations list`: what the backup still wants destroyed may
    be somebody's by now. In a copy no lease ends by itself any more, and a release that a lease
    has brought about, but that has not begun, is abandoned: the original sees to both.
    """
    from orchestrator_core.broker import admin  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state import installation  # noqa: PLC0415

    if new_installation and not confirm:
        raise click.UsageError("--new-installation goes with --confirm")
    with opened(config) as database:
        place = database.place

        def confirmed(connection: Connection) -> str:
            if new_installation:
                installation.hold_if_moved(connection, place)  # no server may have run on it yet
                admin.detach_copy(connection, operator())
            installation.confirm(connection, place, new_id=new_installation)
            return installation.read(connection).held

        if confirm:
            held = database.write_now(confirmed)
            after = f"still nothing is destroyed: {held}" if held else "what is due is destroyed"
            click.echo(f"Confirmed: {after}")
        else:
            why = "the database came out of a backup"
            database.write_now(lambda connection: installation.hold(connection, why))
            click.echo("Nothing is destroyed until: orchestrator db restored --confirm")
