"""The order in which a durable worker acquires operations that are due: callers take turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, case, func, literal, select

from orchestrator_core.broker.operations.kinds import KNOWN_STEPS
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.states import OperationState
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import operations

IS_KNOWN: Final = (operations.c.kind + " " + operations.c.step).in_(
    [f"{kind} {step}" for kind, step in KNOWN_STEPS]
)
"""The condition that this server knows an operation's kind and step.

A server of a later version may have recorded other kinds and steps; this server leaves them to it.
"""

DUE: Final = (
    operations.c.finished_at.is_(None),
    operations.c.state == OperationState.PENDING,
    operations.c.next_attempt_at <= now(),
    IS_KNOWN,
)
"""The conditions that an operation is due."""


class Turns:
    """Statements that find operations that are due, in the order of the callers' turns.

    Args:
        running: The number of operations that the process already runs, by caller.
        most_of_one: The largest number of operations of one caller that the process may run; None
            for no limit.
    """

    def __init__(self, running: Mapping[str, int], most_of_one: int | None = None) -> None:
        self._running = Counter(running)
        self._most_of_one = most_of_one

    def count(self, taken: Iterable[Operation]) -> None:
        """Count operations as running."""
        self._running.update(operation.caller for operation in taken)

    def due(self, clouds: Sequence[str], most: int) -> Select[tuple[str]]:
        """Return the statement that finds the next operations of some clouds.

        The clouds of a caller take turns first: each due row gets a number within its caller and
        cloud, and the caller's rows are ordered by it. The callers take turns then: the place of a
        row in that order, plus the number of operations that the caller already has running, is
        the row's turn. A caller with 2,400 rows therefore does not delay a caller with one row,
        and a caller's busy cloud does not delay the caller's other clouds.

        Args:
            clouds: The clouds.
            most: The largest number of operations to find.
        """
        table = operations
        columns = (table.c.id, table.c.caller, table.c.next_attempt_at)
        of_cloud = (table.c.caller, table.c.cloud)
        in_cloud = func.row_number().over(partition_by=of_cloud, order_by=table.c.next_attempt_at)
        rows = (
            select(*columns, in_cloud.label("number"))
            .where(*DUE, table.c.cloud.in_(clouds))
            .subquery("numbered")
        )
        order = (rows.c.number, rows.c.next_attempt_at)
        of_caller = func.row_number().over(partition_by=rows.c.caller, order_by=order)
        turn = of_caller + self._running_of(rows.c.caller)
        turns = select(rows.c.id, turn.label("turn")).subquery("turns")
        # PostgreSQL cannot lock rows of a query with a window function. The query therefore joins
        # the plain rows to their turns.
        found = select(table.c.id).join(turns, turns.c.id == table.c.id).where(*DUE)
        if self._most_of_one is not None:
            found = found.where(turns.c.turn <= self._most_of_one)
        return found.order_by(turns.c.turn, table.c.next_attempt_at).limit(most)

    def _running_of(self, caller: ColumnElement[str]) -> ColumnElement[int]:
        if not self._running:
            return literal(0)
        return case(self._running, value=caller, else_=0)
