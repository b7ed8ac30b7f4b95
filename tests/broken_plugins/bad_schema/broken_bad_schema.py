"""A plugin whose schema is not a schema."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """A driver that is complete except for its settings schema."""

    settings_schema = dict

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return the required description."""
        return CloudDescription("broken", "Broken")
