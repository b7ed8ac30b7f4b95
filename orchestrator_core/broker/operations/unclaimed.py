"""Operations of clouds that no durable worker has: they wait, and say why."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, case, func, or_, select, update

from orchestrator_core.broker.operations.operation import Operation, OperationState
from orchestrator_core.errors import UnknownCloud
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import operations

_WHY: Final = "No durable worker that has this cloud in its settings takes it; so nothing is done"


def tell(connection: Connection, clouds: Collection[str], patience: float) -> list[Operation]:
    """Give operations that nobody takes their error; return those that had another, or none.

    One whose time is over is paused, as it would be after its last attempt.

    Args:
        connection: of a transaction.
        clouds: those of this worker's settings.
        patience: seconds after which what is due should have been taken by another worker.
    """
    table = operations
    at_work = select(table.c.cloud).where(
        table.c.finished_at.is_(None), table.c.state == OperationState.RUNNING
    )
    is_over = table.c.deadline_at <= now()
    rows = connection.execute(
        update(table)
        .where(
            table.c.finished_at.is_(None),
            table.c.state == OperationState.PENDING,
            table.c.next_attempt_at <= now() - patience,
            table.c.cloud.not_in(list(clouds)),
            table.c.cloud.not_in(at_work),
            or_(func.coalesce(table.c.error_code, "") != UnknownCloud.code, is_over),
        )
        .values(
            state=case((is_over, OperationState.PAUSED.value), else_=table.c.state),
            next_attempt_at=case((is_over, None), else_=table.c.next_attempt_at),
            error_code=UnknownCloud.code,
            error_message=_WHY,
        )
        .returning(*table.c)
    )
    return [Operation.of(row) for row in rows]
