"""A plugin that implements a hook that does not exist."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """A driver that is complete except for a misspelt hook."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return the required description."""
        return CloudDescription("broken", "Broken")

    @hookimpl
    def list_noodles(self) -> list[Any]:
        """Stand for a misspelt list_nodes."""
        return []
