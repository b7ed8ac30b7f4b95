"""Cannot be made."""

from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl


class Driver:
    """Whole but for what is said above."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        raise RuntimeError("constructed with hunter2")

    @hookimpl
    def describe(self) -> CloudDescription:
        """Required."""
        return CloudDescription("broken", "Broken")
