"""The command and its subcommands, each imported only when it is used."""

from __future__ import annotations

from typing import Final

import rich_click as click

from orchestrator_core.cli.lazy import LazyGroup

_COMMANDS: Final = (
    "adopt",
    "assignments",
    "check",
    "db",
    "demo",
    "doctor",
    "freeze",
    "init",
    "operations",
    "orphans",
    "plugin",
    "plugins",
    "protect",
    "serve",
    "status",
    "thaw",
    "worker",
)


@click.group(cls=LazyGroup, package="orchestrator_core.cli", names=_COMMANDS)
@click.version_option(package_name="vm-orchestrator", prog_name="orchestrator")
def main() -> None:
    """One HTTP API in front of every cloud."""
