"""The inventory: queries of clouds and of the ledger, for backends and extensions in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from orchestrator_core.clouds.registry import Registry
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudTimeout, CloudUnavailable, UnknownCloud
from orchestrator_core.model import Node, OperationStatus, Vm

Ledger = Callable[[str], Mapping[str, Vm]]
"""A function that returns the VMs that the ledger knows in a cloud, by node id. It blocks."""

Reports = Callable[[Collection[str]], Mapping[str, OperationStatus]]
"""A function that returns the statuses of operations, by their ids. It blocks."""

T = TypeVar("T")

_NOT_READY: Final = "The settings have no [state] section, or the server is not ready yet"


class CloudInventory:
    """A bridge that passes queries of blocking code to the event loop, where the guards run.

    It is made before the clouds, because the backends need it when they are made.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._registry: Registry | None = None
        self._ledger: Ledger | None = None
        self._reports: Reports | None = None

    def connect(self, registry: Registry, ledger: Ledger, reports: Reports) -> None:
        """Connect the clouds, the database queries and the running event loop."""
        self._registry = registry
        self._ledger = ledger
        self._reports = reports
        self._loop = asyncio.get_running_loop()

    def list_nodes(self, cloud: str, deadline: Deadline) -> Sequence[Node]:
        """Return all nodes of a cloud."""
        _, nodes = self._ask(self._clouds().cloud(cloud).list_all(), deadline)
        return nodes

    def get_node(self, cloud: str, node_id: str, deadline: Deadline) -> Node:
        """Return a node by its id."""
        _, node = self._ask(self._clouds().cloud(cloud).look_at(node_id), deadline)
        return node

    def node_named(self, cloud: str, hostname: str, deadline: Deadline) -> Node:
        """Return the only node with a hostname."""
        _, node = self._ask(self._clouds().cloud(cloud).find_named(hostname), deadline)
        return node

    def ledger(self, cloud: str) -> Mapping[str, Vm]:
        """Return the VMs that the ledger knows in a cloud, by node id; empty without a ledger."""
        return self._ledger(cloud) if self._ledger is not None else {}

    def operations(self, ids: Collection[str]) -> Mapping[str, OperationStatus]:
        """Return the statuses of operations, by their ids."""
        if self._reports is None:
            raise CloudUnavailable(_NOT_READY)
        return self._reports(ids)

    def _clouds(self) -> Registry:
        if self._registry is None:
            raise CloudUnavailable(_NOT_READY)
        return self._registry

    def _ask(self, question: Coroutine[Any, Any, T], deadline: Deadline) -> T:
        assert self._loop is not None
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return asked.result(deadline.remaining())
        except (TimeoutError, CancelledError):
            asked.cancel()
            raise CloudTimeout(f"No answer within {deadline.seconds:g} s") from None
        except UnknownCloud as error:
            raise CloudUnavailable(error.message) from None
