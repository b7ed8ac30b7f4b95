"""``orchestrator serve``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from marshmallow import ValidationError

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.schema import check_bind
from orchestrator_core.settings.snapshot import take


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.startswith("fd://"):
        try:
            check_bind(value)
        except ValidationError as error:
            raise click.BadParameter(str(error.messages[0])) from None
    return value


@click.command()
@config_option
@click.option(
    "--bind",
    metavar="HOST:PORT",
    callback=_address,
    help="Listen here instead of where the settings say.",
)
@click.option("--workers", type=click.IntRange(1, 1024), help="How many processes.")
@with_clear_errors
def serve(config: Path | None, bind: str | None, workers: int | None) -> None:
    """Serve the API under gunicorn until told to stop."""
    # Imported here: the other subcommands do not need gunicorn.
    from orchestrator_core.server.serve import serve as run  # noqa: PLC0415

    take(load_settings(config))
    run(bind, workers)
