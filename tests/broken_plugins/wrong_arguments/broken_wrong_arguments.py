"""A plugin whose hook has an argument that the contract does not pass."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """A driver that is complete except for list_nodes."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return the required description."""
        return CloudDescription("broken", "Broken")

    @hookimpl
    def list_nodes(self, region: str) -> list[Any]:
        """Take a region, which the contract does not pass."""
        return []
