"""``orchestrator init``."""

from __future__ import annotations

import shutil
from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import with_clear_errors
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.resources import shipped_file

_FILES = ("orchestrator.toml", "gunicorn.conf.py")


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@with_clear_errors
def init(directory: Path) -> None:
    """Copy the default configuration files into DIRECTORY."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            _copy(name, directory / name)
    except OSError as error:
        raise OrchestratorError(f"{error.filename}: {error.strerror}") from None


def _copy(name: str, target: Path) -> None:
    if target.exists():
        click.echo(f"{target} exists already and was not changed")
    else:
        shutil.copyfile(shipped_file(name), target)
        click.echo(f"{target} written")
