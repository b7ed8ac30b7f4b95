"""What the core hands to a plugin when it makes its object."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from orchestrator_core.deadline import Deadline
from orchestrator_core.model import Node, OperationStatus, Vm

if TYPE_CHECKING:  # SQLAlchemy is loaded only where there is a database
    from sqlalchemy import ColumnElement, Connection

T = TypeVar("T")


class State(Protocol):
    """The server's database, for tables of a plugin's own. Every method blocks, in any thread.

    ``work`` gets SQLAlchemy's connection in a transaction that is begun and ended for it, and does
    nothing but statements on the plugin's own tables: it may be run again from the start (after a
    deadlock, say), others' statements may be in the same transaction, and they wait while it
    computes. It returns values, and no cursor: the connection is not its any more. What it raises
    undoes what it has written, and is raised here.

    .. versionadded:: 0.1
    """

    @property
    def now(self) -> ColumnElement[float]:
        """The database's clock, for statements, in seconds since 1970.

        Whatever expires must go by it, since the machines' own clocks differ.
        """
        ...

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run statements that change nothing; return what the work returns.

        Raises:
            StateUnavailable: when the database cannot be had, or the server is ending.
        """
        ...

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run statements in one transaction; return what they return, once it is committed.

        Raises:
            StateUnavailable: when the database cannot be had, or the server is ending; nothing is
                changed then, save where the connection broke in the commit itself.
        """
        ...


@dataclass(frozen=True, slots=True)
class PluginContext:
    """A plugin's place in the running server.

    Attributes:
        name: the cloud's (or backend's) name in the settings.
        run_directory: a private directory that all processes of this server share
            and that is gone when the server ends.
        state: the server's database; None where the settings have no [state]. A constructor
            only keeps it: ``orchestrator check`` makes objects too, with whatever database.

            .. versionadded:: 0.1
    """

    name: str
    run_directory: Path
    state: State | None = field(default=None, kw_only=True)


class Inventory(Protocol):
    """What the core knows of VMs, on a server with [state]. Every method blocks.

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

    def operations(self, ids: Collection[str]) -> Mapping[str, OperationStatus]:
        """Return what has become of changes, by the ids under which they were to be recorded.

        One that is missing was not recorded, or was deleted long after its end; a start is told of
        for as long as its VM is there.

        .. versionadded:: 0.1
        """
        ...


@dataclass(frozen=True, slots=True)
class BackendContext(PluginContext):
    """An assignment backend's place in the running server.

    Attributes:
        inventory: what the core knows of VMs.
    """

    inventory: Inventory


@dataclass(frozen=True, slots=True)
class ExtensionContext(PluginContext):
    """An extension's place in the running server.

    Attributes:
        inventory: what the core knows of VMs.

    .. versionadded:: 0.1
    """

    inventory: Inventory
