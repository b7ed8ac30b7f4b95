"""What the core hands to a plugin when it makes its object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator_core.deadline import Deadline
from orchestrator_core.model import Node, Vm


@dataclass(frozen=True, slots=True)
class PluginContext:
    """A plugin's place in the running server.

    Attributes:
        name: the cloud's (or backend's) name in the settings.
        run_directory: a private directory that all processes of this server share
            and that is gone when the server ends.
    """

    name: str
    run_directory: Path


class Inventory(Protocol):
    """What the core knows of VMs, for assignment backends. Every method blocks.

    Each raises what the cloud's own hooks raise, and CloudTimeout at the deadline.
    """

    def list_nodes(self, cloud: str, deadline: Deadline) -> Sequence[Node]:
        """Return every node of a cloud."""
        ...

    def get_node(self, cloud: str, node_id: str, deadline: Deadline) -> Node:
        """Return one node."""
        ...

    def node_named(self, cloud: str, hostname: str, deadline: Deadline) -> Node:
        """Return the one node of that name."""
        ...

    def ledger(self, cloud: str) -> Mapping[str, Vm]:
        """Return the VMs of a cloud that the ledger knows, with their users, by node id."""
        ...


@dataclass(frozen=True, slots=True)
class BackendContext(PluginContext):
    """An assignment backend's place in the running server.

    Attributes:
        inventory: what the core knows of VMs.
    """

    inventory: Inventory
