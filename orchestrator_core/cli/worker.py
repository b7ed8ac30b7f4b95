"""``orchestrator worker``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.errors import SettingsError
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
    try:
        from orchestrator_core.server.durable import run  # noqa: PLC0415 - needs SQLAlchemy
    except (ImportError, SyntaxError, OSError) as error:  # it is being upgraded, say
        raise SettingsError(f"the installation is not whole: {error}") from None

    handed = None if supervised is None else take_over()
    run(handed or load_settings(config), supervisor=supervised)
