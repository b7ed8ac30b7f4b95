"""VMs that are started only to be destroyed again, as ``orchestrator check --start`` does."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.ledger import safety
from orchestrator_core.broker.operations import acquire, updates
from orchestrator_core.broker.operations.change import Change, Started
from orchestrator_core.broker.operations.kinds import STOP
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.broker.process import process
from orchestrator_core.broker.states import OperationState
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.state.tables import operations


class TemporaryVms:
    """Starts and destructions of VMs with a lifetime, by one process without a durable worker.

    The start records the destruction in the transaction that records the VM. A durable worker, or
    the next command, therefore destroys a VM whose command was killed.

    Args:
        broker: The broker of this process.
        caller: The caller to record.
        purpose: The beginning of the request ids, by which later processes find what is left.
        process_timeout: The seconds of silence after which another process counts as dead.
    """

    def __init__(
        self,
        broker: DurableBroker,
        caller: str,
        purpose: str,
        process_timeout: float,
    ) -> None:
        self._broker = broker
        self._caller = caller
        self._purpose = purpose
        self._process_timeout = process_timeout

    async def check_can_destroy(self) -> None:
        """Check that nothing holds up destructions.

        Raises:
            DestroyHeld: Destruction is frozen or under review, so no VM should be started.
        """
        await self._broker.database.read(safety.check_no_hold)

    async def start(self, cloud: Cloud, order: StartOrder, start_id: str) -> Started:
        """Start a VM as for a caller of the API.

        Args:
            cloud: The cloud.
            order: The VM, with its lifetime.
            start_id: The id of the operation, from :meth:`new_id`.

        Raises:
            OrchestratorError: The error that a caller would get; a VM may exist nevertheless.
        """
        requester = Requester(
            self._caller, f"{self._purpose}-{start_id}", None, operation_id=start_id
        )
        return await self._broker.in_flight.run(
            lambda permit: self._broker.start_vm(Change(cloud, permit, requester), order)
        )

    def new_id(self) -> str:
        """Return an id for the next start."""
        return self._broker.name_operation()

    async def settle(self, start_id: str, deadline: Deadline) -> Operation | None:
        """Find out how a start has ended; return None if it was not recorded."""
        found = await self._broker.database.read(lambda c: updates.get(c, start_id))
        return None if found is None else await self._broker.finish(start_id, deadline)

    async def destroy(self, start_id: str, deadline: Deadline) -> Operation | None:
        """Destroy the VM of a start now, until its cloud confirms that it is gone.

        Returns:
            The destruction; None if the start has recorded no VM.
        """
        stop = await self._broker.database.read(lambda c: _destruction(c, start_id))
        if stop is None:
            return None
        if stop.state is OperationState.PENDING and not stop.attempts:
            # False if a durable worker has just acquired it, because its lifetime is over.
            await self._broker.database.write(lambda c: updates.make_due(c, stop.id))
        return await self._broker.finish(stop.id, deadline)

    async def left(self) -> Sequence[str]:
        """Return the starts of dead processes whose operations have not ended.

        Their operations become due at once.
        """
        return await self._broker.database.write(self._left)

    def _left(self, connection: Connection) -> Sequence[str]:
        process.remove_dead(connection, process.ended(connection))
        if self._broker.process.clock.is_steady():  # else silent processes may be alive
            acquire.reclaim_lost(connection, self._process_timeout)
        table = operations
        unfinished = select(table.c.request_id).where(
            table.c.finished_at.is_(None), table.c.request_id.startswith(f"{self._purpose}-")
        )
        found = dict.fromkeys(connection.execute(unfinished.order_by(table.c.id)).scalars())
        starts = select(table.c.id).where(
            table.c.id.in_([one.removeprefix(f"{self._purpose}-") for one in found]),
            table.c.process.not_in(acquire.alive(self._process_timeout)),
        )
        return connection.execute(starts.order_by(table.c.id)).scalars().all()


def _destruction(connection: Connection, start_id: str) -> Operation | None:
    """Return the destruction that was recorded with the VM of a start."""
    start = updates.get(connection, start_id)
    if start is None or start.node_id is None:
        return None
    wanted = {"kind": STOP.name, "cloud": start.cloud, "node_id": start.node_id}
    found = updates.find(connection, wanted, 1, None)
    # Ids begin with the time. An earlier destruction was that of another VM with the same id.
    return next((one for one in found if one.id > start_id), None)
