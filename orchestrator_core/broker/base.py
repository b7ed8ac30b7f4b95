"""What the API asks for: every change of a VM, and of who holds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from orchestrator_core.broker.changes.in_flight import InFlight
from orchestrator_core.broker.operations.change import (
    Assigned,
    AssignOrder,
    Change,
    Made,
    Started,
    StartOrder,
    VmReference,
)
from orchestrator_core.clouds.backend import Shape
from orchestrator_core.clouds.cloud import Cloud

if TYPE_CHECKING:  # it needs SQLAlchemy, which only a server with a database has loaded
    from orchestrator_core.broker.queries import OperationQueries

T = TypeVar("T")


class Broker(ABC):
    """Starts, destroys, switches, assigns and releases.

    There are two: :class:`~orchestrator_core.broker.direct.DirectBroker` keeps nothing, and
    :class:`~orchestrator_core.broker.durable.DurableBroker` records everything first.
    """

    records: OperationQueries | None = None
    """What was recorded; None where nothing is."""

    def __init__(self) -> None:
        self.in_flight = InFlight()

    @abstractmethod
    async def start_vm(self, change: Change, order: StartOrder) -> Started:
        """Start a VM; return it as its cloud named it.

        Raises:
            ImageNotFound, SizeNotFound: before anything is created.
        """

    @abstractmethod
    async def act(self, change: Change, operation: str, vm: VmReference) -> Made:
        """Destroy, reboot or switch a VM: ``operation`` is ``stop_vm`` or switches it.

        Raises:
            NodeNotFound: when there is none.
            InvalidParameter: when the name fits several, or another than the id.
        """

    @abstractmethod
    async def assign_vm(self, change: Change, order: AssignOrder) -> Assigned:
        """Give a VM to a user and an application.

        Raises:
            NoAssignmentBackend: when the cloud has none.
            Refused: when somebody else holds it, with the reason.
        """

    @abstractmethod
    async def release_vm(
        self, change: Change, vm: VmReference, generation: int | None = None
    ) -> Assigned:
        """Take a VM back from its user, then destroy it.

        Args:
            change: the caller's.
            vm: the VM.
            generation: of the assignment that the caller means; None from a caller who knows
                of none.

        Raises:
            NoAssignmentBackend: when the cloud has none.
            Unsupported: before the release, when the cloud cannot destroy.
            Refused: when it cannot be released, with the reason.
        """

    @abstractmethod
    async def renew_vm(
        self, change: Change, vm: VmReference, lease: float, generation: int | None = None
    ) -> Assigned:
        """Let the lease of an assigned VM end later, or sooner; no cloud is asked.

        Args:
            change: the caller's.
            vm: the VM.
            lease: seconds from now.
            generation: as for :meth:`release_vm`.

        Raises:
            NoAssignmentBackend: when the cloud has none.
            Refused: when there is no lease that could be renewed, with the reason.
        """

    @abstractmethod
    async def list_vms(self, cloud: Cloud, shape: Shape[T]) -> T:
        """List the VMs of a cloud that its assignment backend knows; return what is made of them.

        Raises:
            NoAssignmentBackend: when the cloud has none.
        """

    def name_operation(self) -> str | None:
        """Return the id under which the next change is to be recorded; None if none is."""
        return None

    async def until_shown(self, cloud: Cloud, node_id: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask for a VM; again while its cloud need not show it yet, where that can be told."""
        return await ask()

    async def start(self) -> None:  # noqa: B027 - not every broker has to prepare anything
        """Be ready; the process is about to serve."""

    async def stop(self) -> None:
        """Let every change under way end, and everything go; the process is about to end."""
        await self.in_flight.drain()
