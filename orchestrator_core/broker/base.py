"""The interface of a broker: all changes of VMs and of their assignments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator_core.broker.changes.in_flight import InFlight
from orchestrator_core.broker.changes.readiness import ReadinessWaits
from orchestrator_core.broker.ledger.view import NOTHING, LedgerView
from orchestrator_core.broker.operations.change import (
    NO_ARGUMENTS,
    Assigned,
    AssignOrder,
    Change,
    Made,
    Started,
    VmReference,
)
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.clouds.backend import Shape
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import Unsupported
from orchestrator_core.model import Node

if TYPE_CHECKING:  # it needs SQLAlchemy, which only a server with a database has loaded
    from orchestrator_core.broker.queries import OperationQueries

T = TypeVar("T")


class Broker(ABC):
    """The base class of brokers, which make the changes that callers of the API ask for.

    There are two: :class:`~orchestrator_core.broker.direct.DirectBroker` records nothing, and
    :class:`~orchestrator_core.broker.durable.DurableBroker` records every change first.
    """

    records: OperationQueries | None = None
    """The queries of recorded operations; None for a broker that records nothing."""

    def __init__(self) -> None:
        self.in_flight = InFlight()
        self.readiness = ReadinessWaits()

    @abstractmethod
    async def start_vm(self, change: Change, order: StartOrder) -> Started:
        """Start a VM; return it with the name that its cloud gave it.

        Raises:
            ImageNotFound: The cloud has no such image; nothing was created.
            SizeNotFound: The cloud has no such size; nothing was created.
        """

    @abstractmethod
    async def act(
        self,
        change: Change,
        operation: str,
        vm: VmReference,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
    ) -> Made:
        """Change a VM with the hook of that name: destroy it, reboot it, rename it ...

        Args:
            change: The context of the caller's change.
            operation: The name of the hook.
            vm: The VM.
            arguments: The hook's own arguments, beside the VM.

        Raises:
            NodeNotFound: There is no such VM.
            InvalidParameter: The name matches several VMs, or not the VM with the given id.
        """

    @abstractmethod
    async def assign_vm(self, change: Change, order: AssignOrder) -> Assigned:
        """Assign a VM to a user and an application.

        Raises:
            NoAssignmentBackend: The cloud has no assignment backend.
            Refused: Another user holds the VM, or it cannot be assigned; the message has the
                reason.
        """

    @abstractmethod
    async def release_vm(
        self, change: Change, vm: VmReference, generation: int | None = None
    ) -> Assigned:
        """Release a VM from its user, then destroy it.

        Args:
            change: The context of the caller's change.
            vm: The VM.
            generation: The generation of the assignment that the caller means; None if the
                request has none.

        Raises:
            NoAssignmentBackend: The cloud has no assignment backend.
            Unsupported: The cloud cannot destroy VMs; the VM was not released.
            Refused: The VM cannot be released; the message has the reason.
        """

    @abstractmethod
    async def renew_vm(
        self, change: Change, vm: VmReference, lease: float, generation: int | None = None
    ) -> Assigned:
        """Renew the lease of an assigned VM: it ends later, or sooner. No cloud is called.

        Args:
            change: The context of the caller's change.
            vm: The VM.
            lease: The new length of the lease, in seconds from now.
            generation: The same as for :meth:`release_vm`.

        Raises:
            NoAssignmentBackend: The cloud has no assignment backend.
            Refused: There is no lease that can be renewed; the message has the reason.
        """

    async def decide(self, change: Change, kind: str, orphan_id: str) -> Made:
        """Record a decision about an orphan; a durable worker carries out a destruction.

        Args:
            change: The context of the caller's change.
            kind: The kind of operation: ``adopt_vm``, ``ignore_orphan`` or ``stop_vm``.
            orphan_id: The id of the orphan.

        Raises:
            NodeNotFound: There is no such orphan, or no longer.
            Refused: The VM must not be destroyed; the message has the reason.
            Unsupported: This server records nothing, so it knows no orphans.
        """
        raise Unsupported("This server has no [state], so it knows no orphans")

    @abstractmethod
    async def list_vms(self, cloud: Cloud, shape: Shape[T]) -> T:
        """List the VMs of a cloud that its assignment backend knows; return the result of shape.

        Raises:
            NoAssignmentBackend: The cloud has no assignment backend.
        """

    def view(self, cloud: Cloud) -> LedgerView:
        """Return what the ledger knows of a cloud's VMs beyond the cloud's own answer.

        This blocks.

        Raises:
            StateUnavailable: The database cannot be reached.
        """
        del cloud
        return NOTHING

    async def new_node(self, cloud: Cloud, node_id: str) -> Node | None:
        """Return a VM that was started here and that its cloud may not show yet; None otherwise."""
        return None

    def name_operation(self) -> str | None:
        """Return an id for the next change's record; None if changes are not recorded."""
        return None

    async def start(self) -> None:  # noqa: B027 - a broker may have nothing to prepare
        """Prepare the broker; the process is about to serve."""

    async def stop(self) -> None:
        """Wait for every change in flight, then release all resources; the process is stopping."""
        self.readiness.stop()
        await self.in_flight.drain()
