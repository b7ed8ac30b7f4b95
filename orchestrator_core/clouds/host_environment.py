"""What plugins' objects are told of the server that they are in."""

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
    """The same for every plugin of a process.

    Attributes:
        state: None where nothing is kept.
    """

    run_directory: Path
    inventory: Inventory
    state: State | None = None

    def context(self, kind: Kind, name: str) -> PluginContext:
        """Return the place of the cloud, backend or extension of that name."""
        if kind is Kind.CLOUD:
            return PluginContext(name, self.run_directory, state=self.state)
        context = BackendContext if kind is Kind.ASSIGNMENT else ExtensionContext
        return context(name, self.run_directory, self.inventory, state=self.state)
