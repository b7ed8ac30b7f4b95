"""A plugin whose constructor raises."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """A driver that is complete except for its constructor."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        raise RuntimeError("constructed with hunter2")

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return the required description."""
        return CloudDescription("broken", "Broken")
