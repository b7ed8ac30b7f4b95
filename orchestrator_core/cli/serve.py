"""``orchestrator serve``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import rich_click as click
from marshmallow import ValidationError

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.settings.schema_fields import check_bind
from orchestrator_core.settings.snapshot import take

_WORKER_VARIABLE: Final = "ORCHESTRATOR__STATE__WORKER"


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
    help="The address to listen on, instead of the one in the settings.",
)
@click.option("--workers", type=click.IntRange(1, 1024), help="The number of web worker processes.")
@click.option("--no-worker", is_flag=True, help="Start no durable worker; another server runs one.")
@with_clear_errors
def serve(config: Path | None, bind: str | None, workers: int | None, *, no_worker: bool) -> None:
    """Serve the API with gunicorn until a signal stops it."""
    # Imported here: the other subcommands do not need gunicorn, nor the parts.
    from orchestrator_core.server.parts import load_and_explain  # noqa: PLC0415
    from orchestrator_core.server.serve import serve as run  # noqa: PLC0415

    if no_worker:
        os.environ[_WORKER_VARIABLE] = "false"  # also overrides the file of a reload
    take(load_and_explain(config))
    run(bind, workers)
