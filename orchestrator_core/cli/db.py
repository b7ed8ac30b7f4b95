"""``orchestrator db``: commands for the database's schema, clock, backups and restores."""

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
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.redaction import redact

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.state.database import Database


@click.group()
def db() -> None:
    """Upgrade, check, back up and restore the database of [state]."""


@db.command()
@config_option
@with_clear_errors
def upgrade(config: Path | None) -> None:
    """Upgrade the database and the tables of plugins to the newest schema.

    Servers may keep running. If the upgrade of a plugin's tables fails, the others continue, and
    the exit status is 1.
    """
    from orchestrator_core.state.upgrade import upgrade as run  # noqa: PLC0415 - needs Alembic

    with opened_as_it_is(config) as database:
        before, after = run(database)
        database.checkpoint()
        if before == after:
            click.echo(f"The database already has schema {after}: {database.shown}")
        else:
            click.echo(f"Upgraded from schema {before or 'none'} to {after}: {database.shown}")
        done = [plugin_tables.upgrade(database, record) for record in plugin_tables.used(config)]
    if not all(done):
        sys.exit(1)


@db.command()
@config_option
@with_clear_errors
def current(config: Path | None) -> None:
    """Show the schema of the database and the revisions of the tables of plugins."""
    from orchestrator_core.state import schema  # noqa: PLC0415 - needs SQLAlchemy

    with opened_as_it_is(config) as database:
        there = not database.untouched
        found = database.read_now(schema.current) if there else None
        click.echo(f"schema {found or 'none'}; this version was written for {schema.SCHEMA}")
        for record in plugin_tables.used(config) if there else ():
            plugin_tables.show(database, record)


@db.command()
@config_option
@click.option("--confirm", is_flag=True, help="Trust the clock; leases expire by it again.")
@with_clear_errors
def clock(config: Path | None, *, confirm: bool) -> None:
    """Show whether the database's clock is trusted, and the leases that have expired by it.

    After a jump of more than `clock_jump` no lease expires and durable workers begin nothing. This
    ends when the clock is back at the right time, or with --confirm. Before you confirm, renew the
    leases that must not expire.
    """
    from orchestrator_core.broker.ledger import leases  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state import clock_hold  # noqa: PLC0415

    with opened(config) as database:
        reading = database.read_now(clock_hold.read)
        shown = datetime.fromtimestamp(reading.at, UTC).isoformat(" ", "seconds")
        click.echo(f"The database's clock shows {shown}")
        click.echo(f"It is in doubt: {reading.reason}" if reading.reason else "It is trusted")
        for one in database.read_now(leases.expired):
            click.echo(f"expired: node {one.node_id} of {one.cloud}, assigned to {one.user}")
        if confirm:
            was = database.write_now(clock_hold.confirm)
            click.echo("Confirmed: leases expire by it again" if was else "Nothing to confirm")
        elif reading.reason:
            click.echo("If the clock is right, run: orchestrator db clock --confirm")


def _moved(database: Database) -> str:
    """Return the hold that a server would record because the database has moved; else empty."""
    from orchestrator_core.state import installation  # noqa: PLC0415 - needs SQLAlchemy

    place = database.place
    moved = database.read_now(lambda connection: installation.is_moved(connection, place))
    return installation.MOVED if moved else ""


@db.command()
@config_option
@with_clear_errors
def check(config: Path | None) -> None:
    """Check that this version and its plugins can use the database; exit status 1 if not."""
    from orchestrator_core.state import clock_hold, installation  # noqa: PLC0415 - SQLAlchemy

    with opened(config) as database:
        itself = database.read_now(installation.read)
        click.echo(f"usable; installation {itself.id}")
        held = itself.held or _moved(database)
        if held:
            click.echo(f"nothing is destroyed: {held}")
        doubt = database.read_now(clock_hold.read).reason
        if doubt:
            click.echo(f"no lease expires: the clock is in doubt: {doubt}")
        usable = [plugin_tables.show(database, record) for record in plugin_tables.used(config)]
    if not all(usable):
        sys.exit(1)


@db.command()
@config_option
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@with_clear_errors
def backup(config: Path | None, target: Path) -> None:
    """Back up the database into the new file TARGET while servers run.

    Do not copy the file of an SQLite database instead: the newest changes are in its -wal file. A
    PostgreSQL database is dumped with pg_dump, in the format that pg_restore reads. The database
    records when and where its last backup was made, for `orchestrator doctor`.
    """
    from orchestrator_core.state.backup import back_up  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        back_up(database, target)
        _record(database, target)
    click.echo(
        f"{target} is a complete backup; after you restore it, run: orchestrator db restored"
    )


def _record(database: Database, target: Path) -> None:
    """Record the backup in its database; a backup that cannot be recorded is one all the same."""
    from orchestrator_core.state import last_backup, schema  # noqa: PLC0415 - needs SQLAlchemy

    try:
        is_recorded = database.write_now(lambda c: last_backup.record(c, target))
        why = "" if is_recorded else f"the schema is too old; {schema.UPGRADE}"
    except StateUnavailable as error:
        why = error.reason or error.message
    if why:
        click.echo(redact(f"orchestrator: the backup is not recorded: {why}"), err=True)


@db.command()
@config_option
@click.option("--confirm", is_flag=True, help="Resume destroying VMs: the records were checked.")
@click.option(
    "--new-installation",
    is_flag=True,
    help="With --confirm: make this copy an installation of its own, beside the original.",
)
@with_clear_errors
def restored(config: Path | None, *, confirm: bool, new_installation: bool) -> None:
    """Report that the database was restored from a backup; destroy nothing until --confirm.

    Before you confirm, check `orchestrator operations list`: a VM that the backup is about to
    destroy may have a new holder. With --new-installation, leases are removed from the copy, and
    releases that an expired lease has caused are abandoned unless they have begun: the original
    ends those leases.
    """
    from orchestrator_core.broker import admin  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state import installation  # noqa: PLC0415

    if new_installation and not confirm:
        raise click.UsageError("--new-installation needs --confirm")
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
            after = f"nothing is destroyed yet: {held}" if held else "VMs are destroyed again"
            click.echo(f"Confirmed: {after}")
        else:
            why = "the database was restored from a backup"
            database.write_now(lambda connection: installation.hold(connection, why))
            click.echo("Nothing is destroyed until you run: orchestrator db restored --confirm")
