"""The command and its subcommands."""

from __future__ import annotations

import rich_click as click

from orchestrator_core.cli.check import check
from orchestrator_core.cli.init import init
from orchestrator_core.cli.plugins import plugins
from orchestrator_core.cli.serve import serve


@click.group()
@click.version_option(package_name="vm-orchestrator", prog_name="orchestrator")
def main() -> None:
    """One HTTP API in front of every cloud."""


for command in (serve, check, plugins, init):
    main.add_command(command)
