"""Groups of subcommands, each of which is imported only when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import rich_click as click


class LazyGroup(click.RichGroup):
    """What one subcommand needs would slow the start of the others.

    Args:
        package: has a module for each subcommand, which has the command under the same name.
        names: of the subcommands.
    """

    def __init__(self, *args: Any, package: str, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._names = list(names)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        return self._names

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one of them; None if there is none of that name."""
        if cmd_name not in self._names:
            return None
        module = import_module(f"{self._package}.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command
