"""Options that several subcommands share."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

live_option = click.option(
    "--live",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="SETTINGS",
    help="The settings file of the real cloud to use.",
)

cloud_option = click.option("--cloud", help="The cloud in that file, if several use the driver.")
