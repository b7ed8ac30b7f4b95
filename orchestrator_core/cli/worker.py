"""``orchestrator worker``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.server.handed import take_over
from orchestrator_core.settings.load import load_settings


@click.command()
@config_option
@click.option(
    "--supervised", type=int, metavar="PID", hidden=True, help="End when this parent ends."
)
@with_clear_errors
def worker(config: Path | None, *, supervised: int | None) -> None:
    """Carry on with operations that nobody waits for any more, until told to stop.

    One such process runs beside the web workers of `orchestrator serve` anyway; several, on
    several machines, share the work.
    """
    from orchestrator_core.server.durable import run  # noqa: PLC0415 - needs SQLAlchemy

    handed = None if supervised is None else take_over()
    run(handed or load_settings(config), supervisor=supervised)
