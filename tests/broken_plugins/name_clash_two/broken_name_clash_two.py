"""A plugin whose name another package claims too."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """A complete driver."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return the required description."""
        return CloudDescription("broken", "Broken")
