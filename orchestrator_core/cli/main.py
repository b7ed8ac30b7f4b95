"""The command and its subcommands, each imported only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import rich_click as click

_COMMANDS: Final = (
    "check",
    "db",
    "freeze",
    "init",
    "operations",
    "orphans",
    "plugins",
    "protect",
    "serve",
    "thaw",
    "worker",
)


class _Lazy(click.RichGroup):
    """What one subcommand needs would slow the start of the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"orchestrator_core.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Lazy)
@click.version_option(package_name="vm-orchestrator", prog_name="orchestrator")
def main() -> None:
    """One HTTP API in front of every cloud."""
