"""Read-only queries of the database, for the API and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from orchestrator_core.broker.batches import in_batches
from orchestrator_core.broker.ledger import assignments, lookup, queries
from orchestrator_core.broker.ledger.vm import Assignment, AssignmentEvent
from orchestrator_core.broker.operations import attempts, keys, updates
from orchestrator_core.broker.operations.operation import Attempt, Operation, Requester
from orchestrator_core.broker.orphans import orphans
from orchestrator_core.broker.orphans.orphans import Orphan
from orchestrator_core.broker.process import process
from orchestrator_core.state import clock_hold, installation
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import orphan_scans

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OrphanScan:
    """The result of the last orphan scan of a cloud; ``nodes`` is the number of nodes listed."""

    cloud: str
    due_at: float
    ended_at: float | None
    nodes: int | None
    error_message: str | None


def orphans_of(
    connection: Connection, cloud: str | None
) -> tuple[Sequence[Orphan], Sequence[OrphanScan]]:
    """Return the orphans of all clouds or of one, and the results of the last scans."""
    scans = select(orphan_scans).order_by(orphan_scans.c.cloud)
    if cloud is not None:
        scans = scans.where(orphan_scans.c.cloud == cloud)
    rows = connection.execute(scans)
    found = orphans.once(connection, orphans.find(connection, cloud))
    return found, [OrphanScan(**row._asdict()) for row in rows]


def processes(connection: Connection) -> tuple[str, str, Sequence[Mapping[str, Any]]]:
    """Return why destruction is held, why the clock is in doubt, and all processes."""
    return (
        installation.read(connection).held,
        clock_hold.read(connection).reason,
        process.all_processes(connection),
    )


class OperationQueries:
    """Queries of operations, assignments, orphans and processes.

    Args:
        database: The database to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def operation(self, operation_id: str) -> tuple[Operation, Sequence[Attempt]] | None:
        """Return an operation and its attempts that have ended; None if there is no such one."""

        def work(connection: Connection) -> tuple[Operation, Sequence[Attempt]] | None:
            found = updates.get(connection, operation_id)
            if found is None:
                return None
            return found, attempts.of(connection, operation_id)

        return await self._database.read(work)

    async def operations(
        self,
        filters: Mapping[str, str],
        after: str | None,
        show: Callable[[Iterator[Operation]], T],
    ) -> T:
        """Read operations, the newest first; return the result of ``show``.

        Args:
            filters: The required values, by column.
            after: The id of the operation before the first one to read; None for the newest.
            show: The function that takes as many operations as it needs. It runs in a thread, and
                runs a second time if the connection to the database was lost.
        """

        def work(connection: Connection) -> T:
            return show(
                in_batches(
                    lambda limit, last: updates.find(connection, filters, limit, last), after
                )
            )

        return await self._database.read(work)

    async def has_cloud(self, cloud: str) -> bool:
        """Return whether the database has rows of a cloud, which may no longer be configured."""
        return await self._database.read(lambda connection: lookup.has_rows_of(connection, cloud))

    async def by_key(self, requester: Requester) -> tuple[Operation, str] | None:
        """Return the operation that a key stands for, and the body's digest; None if unused."""
        return await self._database.read(lambda connection: keys.find(connection, requester))

    async def assignment(
        self, assignment_id: str
    ) -> tuple[Assignment, Sequence[AssignmentEvent]] | None:
        """Return an assignment with its whole history; None if there is no such assignment."""

        def work(connection: Connection) -> tuple[Assignment, Sequence[AssignmentEvent]] | None:
            found = assignments.get(connection, assignment_id)
            if found is None:
                return None
            return found, queries.history(connection, assignment_id)

        return await self._database.read(work)

    async def assignments(
        self,
        filters: Mapping[str, str],
        after: str | None,
        show: Callable[[Iterator[Assignment]], T],
    ) -> T:
        """Read assignments, the newest first; the arguments are those of :meth:`operations`."""

        def work(connection: Connection) -> T:
            return show(
                in_batches(
                    lambda limit, last: queries.find(connection, filters, limit, last), after
                )
            )

        return await self._database.read(work)

    async def orphan(self, orphan_id: str) -> Orphan | None:
        """Return an orphan; None if there is no such orphan."""
        return await self._database.read(lambda connection: orphans.get(connection, orphan_id))

    async def orphans(self, cloud: str | None) -> tuple[Sequence[Orphan], Sequence[OrphanScan]]:
        """Return the orphans of all clouds or of one, and the results of the last scans."""
        return await self._database.read(lambda connection: orphans_of(connection, cloud))

    async def processes(self) -> tuple[str, str, Sequence[Mapping[str, Any]]]:
        """Return why destruction is held, why the clock is in doubt, and all processes."""
        return await self._database.read(processes)
