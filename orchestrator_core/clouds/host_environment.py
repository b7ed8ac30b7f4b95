"""The server's environment, as it is passed to the objects of plugins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator_core.context import (
    BackendContext,
    ExtensionContext,
    Inventory,
    PluginContext,
    State,
)
from orchestrator_core.plugins.record import Kind


@dataclass(frozen=True, slots=True)
class HostEnvironment:
    """The environment that all plugins of a process share.

    Attributes:
        state: the database for plugins; None for a server without one.
    """

    run_directory: Path
    inventory: Inventory
    state: State | None = None

    def context(self, kind: Kind, name: str) -> PluginContext:
        """Return the context for the cloud, backend or extension with a name."""
        if kind is Kind.CLOUD:
            return PluginContext(name, self.run_directory, state=self.state)
        context = BackendContext if kind is Kind.ASSIGNMENT else ExtensionContext
        return context(name, self.run_directory, self.inventory, state=self.state)
