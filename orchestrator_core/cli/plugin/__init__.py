"""``orchestrator plugin``: commands for authors of plugins."""

from __future__ import annotations

from typing import Final

import rich_click as click

from orchestrator_core.cli.lazy import LazyGroup

_COMMANDS: Final = ("check", "new", "sweep")


@click.group(cls=LazyGroup, package="orchestrator_core.cli.plugin", names=_COMMANDS)
def plugin() -> None:
    """Write a new plugin, and check that a plugin keeps the contract."""
