"""``orchestrator init``."""

from __future__ import annotations

import shutil
from pathlib import Path

import rich_click as click

from orchestrator_core.resources import shipped_file

_FILES = ("orchestrator.toml", "gunicorn.conf.py")


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Copy the configuration files into DIRECTORY, to be edited there."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        target = directory / name
        if target.exists():
            click.echo(f"{target} is there already and stays as it is")
        else:
            shutil.copyfile(shipped_file(name), target)
            click.echo(f"{target} written")
