"""The objects that the core passes to a plugin's constructor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from orchestrator_core.deadline import Deadline
from orchestrator_core.model import Node, OperationStatus, Vm

if TYPE_CHECKING:  # SQLAlchemy is loaded only if there is a database
    from sqlalchemy import ColumnElement, Connection

T = TypeVar("T")


class State(Protocol):
    """The server's database, for a plugin's own tables. Every method blocks, in any thread.

    ``work`` receives SQLAlchemy's connection in a transaction that the core begins and ends. It
    must only run statements on the plugin's own tables. It may be run again from the start, for
    example after a deadlock. Other statements may be in the same transaction, and they wait while
    ``work`` computes. It returns values and not a cursor, because the connection is not available
    afterwards. If it raises an error, its changes are rolled back and the error is raised here.

    .. versionadded:: 0.1
    """

    @property
    def now(self) -> ColumnElement[float]:
        """Return the database's clock for use in statements, in seconds since 1970.

        Use this clock for everything that expires, because the clocks of the machines differ.
        """
        ...

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run statements that change nothing; return the result of ``work``.

        Raises:
            StateUnavailable: when the database is unreachable, or the server is stopping.
        """
        ...

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run statements in one transaction; return the result of ``work`` after the commit.

        Raises:
            StateUnavailable: when the database is unreachable, or the server is stopping. Nothing
                has been changed then, unless the connection broke during the commit itself.
        """
        ...


@dataclass(frozen=True, slots=True)
class PluginContext:
    """A plugin's place in the running server.

    Attributes:
        name: the cloud's (or backend's) name in the settings.
        run_directory: a private directory that all processes of this server share and that is
            removed when the server ends.
        state: the server's database; None if the settings have no [state]. A constructor must only
            store it: ``orchestrator check`` makes objects too, with any database.

            .. versionadded:: 0.1
    """

    name: str
    run_directory: Path
    state: State | None = field(default=None, kw_only=True)


class Inventory(Protocol):
    """The core's knowledge of VMs, on a server with [state]. Every method blocks.

    Each method raises the errors of the cloud's own hooks, and CloudTimeout at the deadline.
    """

    def list_nodes(self, cloud: str, deadline: Deadline) -> Sequence[Node]:
        """Return every node of a cloud."""
        ...

    def get_node(self, cloud: str, node_id: str, deadline: Deadline) -> Node:
        """Return one node."""
        ...

    def node_named(self, cloud: str, hostname: str, deadline: Deadline) -> Node:
        """Return the one node with that name."""
        ...

    def ledger(self, cloud: str) -> Mapping[str, Vm]:
        """Return the VMs of a cloud that are in the ledger, with their users, by node id."""
        ...

    def operations(self, ids: Collection[str]) -> Mapping[str, OperationStatus]:
        """Return the status of changes, by the ids under which they were to be recorded.

        A missing id was not recorded, or was deleted long after its end. A start is included for as
        long as its VM exists.

        .. versionadded:: 0.1
        """
        ...


@dataclass(frozen=True, slots=True)
class BackendContext(PluginContext):
    """An assignment backend's place in the running server.

    Attributes:
        inventory: the core's knowledge of VMs.
    """

    inventory: Inventory


@dataclass(frozen=True, slots=True)
class ExtensionContext(PluginContext):
    """An extension's place in the running server.

    Attributes:
        inventory: the core's knowledge of VMs.

    .. versionadded:: 0.1
    """

    inventory: Inventory
