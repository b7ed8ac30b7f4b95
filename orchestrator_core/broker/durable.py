"""The broker that records every change before it calls a cloud or a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from orchestrator_core.broker import figures, health
from orchestrator_core.broker.base import Broker
from orchestrator_core.broker.changes.action import ActionHandler
from orchestrator_core.broker.changes.assign import Assigner
from orchestrator_core.broker.changes.destroy import Destroyer
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.release import Releaser
from orchestrator_core.broker.changes.renew import Renewer
from orchestrator_core.broker.changes.start import Starter
from orchestrator_core.broker.decisions import OrphanDecisions
from orchestrator_core.broker.figures import Figures
from orchestrator_core.broker.handlers import HANDLERS
from orchestrator_core.broker.health import StateHealth
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.broker.ledger import held_names, queries, views
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.ledger.view import LedgerView
from orchestrator_core.broker.operations import outcome, status, updates
from orchestrator_core.broker.operations.change import (
    NO_ARGUMENTS,
    Assigned,
    AssignOrder,
    Change,
    Made,
    Started,
    VmReference,
)
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.broker.process.entry import Entry
from orchestrator_core.broker.queries import OperationQueries
from orchestrator_core.broker.states import OperationState
from orchestrator_core.clouds.backend import Shape
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import NoAssignmentBackend, StateUnavailable
from orchestrator_core.model import Node, OperationStatus, Vm
from orchestrator_core.state.clock_watch import LAG
from orchestrator_core.state.identifiers import new_id

T = TypeVar("T")

_POLL: Final = 0.2
"""Seconds between two looks at an operation that another process runs."""


class DurableBroker(Broker):
    """A broker that records every change in the database.

    Args:
        registry: The configured clouds and backends.
        recorder: The recorder of this process, in use from :meth:`start` to :meth:`stop`.
        inventory: The inventory that the backends query.
        entry: The entry of this process into its database.
    """

    def __init__(
        self,
        registry: Registry,
        recorder: Recorder,
        inventory: CloudInventory,
        entry: Entry,
    ) -> None:
        super().__init__()
        self.database = recorder.database
        self.process = recorder.process
        self.records = OperationQueries(recorder.database)
        self._registry = registry
        self._recorder = recorder
        self._inventory = inventory
        self._entry = entry
        self._views = views.LedgerViews(recorder.database)
        self._starter = Starter(recorder)
        self._destroyer = Destroyer(recorder)
        namesakes = Namesakes(registry)
        self._assigner = Assigner(recorder, namesakes)
        self._releaser = Releaser(recorder, namesakes)
        self._renewer = Renewer(recorder)
        self._decisions = OrphanDecisions(recorder)
        self._handlers = {
            name: handler.make(recorder, namesakes) for name, handler in HANDLERS.items()
        }
        self._actions = {
            name: handler
            for name, handler in self._handlers.items()
            if isinstance(handler, ActionHandler)
        }

    async def start_vm(self, change: Change, order: StartOrder) -> Started:
        """Start a VM exactly once."""
        return await self._starter.begin(change, order, self.readiness)

    async def act(
        self,
        change: Change,
        operation: str,
        vm: VmReference,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
    ) -> Made:
        """Destroy a VM until its cloud confirms that it is gone, or call another hook, once."""
        if operation == "stop_vm":
            return await self._destroyer.begin(change, vm)
        return await self._actions[operation].begin(change, operation, vm, arguments)

    async def assign_vm(self, change: Change, order: AssignOrder) -> Assigned:
        """Assign a VM to a user and an application; a VM has at most one holder."""
        backend = self._registry.backend(change.cloud)
        return await self._assigner.begin(change, backend, order)

    async def release_vm(
        self, change: Change, vm: VmReference, generation: int | None = None
    ) -> Assigned:
        """Release a VM, then destroy it until its cloud confirms that it is gone."""
        backend = self._registry.backend(change.cloud)
        return await self._releaser.begin(change, backend, vm, generation)

    async def renew_vm(
        self, change: Change, vm: VmReference, lease: float, generation: int | None = None
    ) -> Assigned:
        """Renew a lease so that it ends ``lease`` seconds from now."""
        return await self._renewer.begin(change, vm, lease, generation)

    async def decide(self, change: Change, kind: str, orphan_id: str) -> Made:
        """Record a decision about an orphan."""
        return await self._decisions.decide(change, kind, orphan_id)

    async def list_vms(self, cloud: Cloud, shape: Shape[T]) -> T:
        """List VMs; the ledger supplies the users of VMs that the backend cannot distinguish."""
        backend = self._registry.backend(cloud)
        if not backend.by_hostname:
            return await backend.list_vms(cloud.name, shape)
        held = await self.database.read(lambda c: held_names.holdings(c, backend.name))
        filtered = held_names.NamesakeFilter(cloud.name, held, shape)
        return await backend.list_vms(cloud.name, filtered)

    async def new_node(self, cloud: Cloud, node_id: str) -> Node | None:
        """Return a recently started VM as a pending node, as the answer to its start showed it."""
        visibility = cloud.settings.visibility_timeout

        def read(connection: Connection) -> Node | None:
            # A jump of the database's clock must not make a VM look older.
            gained = self._recorder.clock.gained(connection, visibility + LAG)
            return views.new_node(connection, cloud.name, node_id, visibility + gained)

        try:
            return await self.database.read(read)
        except StateUnavailable:
            return None

    async def resume(self, operation: Operation) -> Operation:
        """Make one attempt of an operation that this process has acquired."""
        cloud = self._registry.clouds[operation.cloud]
        try:
            backend = self._registry.backend(cloud)
        except NoAssignmentBackend:
            backend = None
        return await self._handlers[operation.kind].resume(operation, cloud, backend)

    async def give_up(self, operation: Operation) -> Operation:
        """Pause an operation whose deadline has passed, so that an operator decides about it."""
        why = (
            f"Not completed after {operation.attempts - 1} attempts; "
            f"the last error: {operation.error_message or 'none'}"
        )
        code = operation.error_code or "deadline"
        made = outcome.paused(operation, code, why, unsettled=operation.unsettled)
        return await self._recorder.progress(operation, made)

    async def finish(self, operation_id: str, deadline: Deadline) -> Operation:
        """Make the attempts of a recorded operation until it needs no more, or the time is over.

        A durable worker on the same database may make some of the attempts.

        Args:
            operation_id: The id of the operation.
            deadline: The end of the wait.

        Returns:
            The operation: ended, paused or held for an operator, or unfinished at the deadline.
        """
        while True:
            found = await self.database.read(lambda c: updates.get(c, operation_id))
            assert found is not None
            waits = found.state is OperationState.PAUSED or found.error_code in outcome.HELD
            if found.final or waits or deadline.passed:
                return found
            cloud = self._registry.clouds[found.cloud]
            limit = cloud.settings.max_concurrent_changes
            acquired = await self._recorder.reacquire(found, limit, deadline)
            if acquired is not None:
                await self._recorder.go_on(acquired, self.resume(acquired))
            else:
                await asyncio.sleep(min(_POLL, deadline.remaining()))

    def view(self, cloud: Cloud) -> LedgerView:
        """Return what the ledger knows of a cloud's VMs; the same object while it is the same."""
        return self._views.of(cloud.name, cloud.settings.visibility_timeout)

    async def state_health(self) -> StateHealth:
        """Return the health of the database, and whether this process is registered in it."""
        is_registered = self.process.is_registered
        return await self.database.read(
            lambda connection: health.read(connection, is_registered=is_registered)
        )

    async def figures(self) -> Figures:
        """Return the figures of the whole installation for ``/metrics``."""
        timeout = self._recorder.process_timeout
        return await self.database.read(lambda connection: figures.read(connection, timeout))

    def name_operation(self) -> str:
        """Return an id for the next change's record."""
        return new_id()

    def _known_vms(self, cloud: str) -> Mapping[str, Vm]:
        return self.database.read_now(lambda connection: queries.known_vms(connection, cloud))

    def _what_became_of(self, ids: Collection[str]) -> Mapping[str, OperationStatus]:
        return self.database.read_now(lambda connection: status.statuses(connection, ids))

    async def start(self) -> None:
        """Register this process in the database, now or once the database is reachable."""
        self._inventory.connect(self._registry, self._known_vms, self._what_became_of)
        await asyncio.to_thread(self._entry.enter)

    async def stop(self) -> None:
        """Wait for every change in flight, then remove this process from the database."""
        await super().stop()
        await self._recorder.drain()
        if self._entry.give_up():
            return  # the process has no row, and a silent connection would delay its end
        await asyncio.to_thread(self.process.stop)
        self.database.close()
