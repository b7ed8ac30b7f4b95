"""Implements a hook that does not exist."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """Whole but for what is said above."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Required."""
        return CloudDescription("broken", "Broken")

    @hookimpl
    def list_noodles(self) -> list[Any]:
        """Meant to be list_nodes."""
        return []
