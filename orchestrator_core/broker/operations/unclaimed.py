"""Operations that no durable worker acquires, because none knows their cloud, kind or step."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, and_, case, func, not_, or_, select, update

from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.operations.turns import IS_KNOWN
from orchestrator_core.broker.states import OperationState
from orchestrator_core.errors import UnknownCloud
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import operations

UNKNOWN_KIND: Final = "unknown_kind"

_NO_CLOUD: Final = "No running durable worker has this cloud in its settings; the operation waits"
_NO_KIND: Final = "No running durable worker knows this kind of operation at this step; it waits"


def report(connection: Connection, clouds: Collection[str], patience: float) -> list[Operation]:
    """Set the error of operations that no worker acquires; return the operations that changed.

    An operation whose deadline has passed is paused, as it would be after its last attempt.

    Args:
        connection: The connection of the caller's transaction.
        clouds: The clouds in this worker's settings.
        patience: The seconds within which another worker should have acquired a due operation.
    """
    table = operations
    at_work = select(table.c.cloud).where(
        table.c.finished_at.is_(None), table.c.state == OperationState.RUNNING
    )
    is_over = table.c.deadline_at <= now()
    no_cloud = and_(table.c.cloud.not_in(list(clouds)), table.c.cloud.not_in(at_work))
    code = case((no_cloud, UnknownCloud.code), else_=UNKNOWN_KIND)
    rows = connection.execute(
        update(table)
        .where(
            table.c.finished_at.is_(None),
            table.c.state == OperationState.PENDING,
            table.c.next_attempt_at <= now() - patience,
            or_(no_cloud, not_(IS_KNOWN)),
            or_(func.coalesce(table.c.error_code, "") != code, is_over),
        )
        .values(
            state=case((is_over, OperationState.PAUSED.value), else_=table.c.state),
            next_attempt_at=case((is_over, None), else_=table.c.next_attempt_at),
            error_code=code,
            error_message=case((no_cloud, _NO_CLOUD), else_=_NO_KIND),
        )
        .returning(*table.c)
    )
    return [Operation.of(row) for row in rows]
