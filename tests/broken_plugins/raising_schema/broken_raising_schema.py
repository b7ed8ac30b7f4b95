"""Its own schema cannot be made."""

from typing import Any

from marshmallow import Schema

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class BrokenSettings(Schema):
    """Raises when it is made."""

    def __init__(self) -> None:
        raise RuntimeError("hunter2")


class Driver:
    """Whole but for what is said above."""

    settings_schema = BrokenSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        """Required."""
        return CloudDescription("broken", "Broken")
