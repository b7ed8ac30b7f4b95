"""A plugin for a version of the core that does not exist yet."""

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
