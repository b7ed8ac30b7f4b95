"""What the rows say, for who looks at them."""

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
from orchestrator_core.state.tables import looks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """How the last look through a cloud ended; ``nodes`` is how many it showed."""

    cloud: str
    due_at: float
    ended_at: float | None
    nodes: int | None
    error_message: str | None


class OperationQueries:
    """Reads operations, assignments and processes.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def operation(self, operation_id: str) -> tuple[Operation, Sequence[Attempt]] | None:
        """Return one operation with what became of its attempts; None when there is none."""

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
        """Return what is made of operations, the newest first.

        Args:
            filters: values by column.
            after: the id of the one before the first.
            show: takes as many as it wants. Runs in a thread, twice where the database was lost.
        """

        def work(connection: Connection) -> T:
            return show(
                in_batches(
                    lambda limit, last: updates.find(connection, filters, limit, last), after
                )
            )

        return await self._database.read(work)

    async def has_cloud(self, cloud: str) -> bool:
        """Whether anything is recorded of a cloud, which may be configured no more."""
        return await self._database.read(lambda connection: lookup.has_rows_of(connection, cloud))

    async def by_key(self, requester: Requester) -> tuple[Operation, str] | None:
        """Return the operation that a key stands for and its body's digest; None for none."""
        return await self._database.read(lambda connection: keys.find(connection, requester))

    async def assignment(
        self, assignment_id: str
    ) -> tuple[Assignment, Sequence[AssignmentEvent]] | None:
        """Return one assignment with its whole history; None when there is none."""

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
        """Return what is made of assignments, the newest first; as :meth:`operations`."""

        def work(connection: Connection) -> T:
            return show(
                in_batches(
                    lambda limit, last: queries.find(connection, filters, limit, last), after
                )
            )

        return await self._database.read(work)

    async def orphans(
        self, cloud: str | None
    ) -> tuple[Sequence[Orphan], Mapping[str, str], Sequence[Look]]:
        """Return the orphans, what their reasons mean, and how the last looks ended."""

        def work(connection: Connection) -> tuple[list[Orphan], list[Look]]:
            rows = connection.execute(select(looks).order_by(looks.c.cloud))
            found = orphans.once(connection, orphans.find(connection, cloud))
            return found, [Look(**row._asdict()) for row in rows]

        found, ended = await self._database.read(work)
        return found, orphans.REASONS, ended

    async def processes(self) -> tuple[str, str, Sequence[Mapping[str, Any]]]:
        """Return what holds all destroying up, why the clock is in doubt, and every process."""
        return await self._database.read(
            lambda connection: (
                installation.read(connection).held,
                clock_hold.read(connection).why,
                process.all_processes(connection),
            )
        )
