"""A plugin whose schema raises in its constructor."""

from typing import Any

from marshmallow import Schema

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class BrokenSettings(Schema):
    """A schema that raises in its constructor."""

    def __init__(self) -> None:
        raise RuntimeError("hunter2")


class Driver:
    """A driver that is complete except for its settings schema."""

    settings_schema = BrokenSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return the required description."""
        return CloudDescription("broken", "Broken")
