"""``orchestrator freeze``."""

from __future__ import annotations

import getpass
from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, opened, with_clear_errors


@click.command()
@config_option
@click.option("--reason", default="", help="The reason to show to operators and callers.")
@with_clear_errors
def freeze(config: Path | None, reason: str) -> None:
    """Stop destroying VMs, on every machine, until `orchestrator thaw`."""
    from orchestrator_core.state import installation  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        who = getpass.getuser()
        before = database.write_now(lambda connection: installation.freeze(connection, who, reason))
    if before and not reason:
        click.echo(f"Already {before}; the reason is unchanged")
    elif before:
        click.echo(f"It was {before}; your reason replaces that one")
    click.echo("Frozen: nothing is destroyed until you run: orchestrator thaw")
