"""``orchestrator freeze``."""

from __future__ import annotations

import getpass
from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, opened, with_clear_errors


@click.command()
@config_option
@click.option("--reason", default="", help="Shown to everybody who wonders.")
@with_clear_errors
def freeze(config: Path | None, reason: str) -> None:
    """Destroy nothing from now on, on any machine, until `orchestrator thaw`."""
    from orchestrator_core.state import installation  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        who = getpass.getuser()
        before = database.write_now(lambda connection: installation.freeze(connection, who, reason))
    if before and not reason:
        click.echo(f"It is {before}, and stays so")
    elif before:
        click.echo(f"It was {before}; now yours is the reason that is shown")
    click.echo("Frozen: nothing is destroyed until: orchestrator thaw")
