"""Statements on Idempotency-Keys and the operations that they stand for.

A key is taken in the transaction that records its operation, so a key always has an operation.
A repeated request finds the operation, whatever the outcome of the first request was.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, not_, select

from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.errors import KeyInUse
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock import now
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import idempotency_keys, operations


def take(connection: Connection, requester: Requester, operation_id: str) -> None:
    """Record that the requester's key, if there is one, stands for an operation.

    Raises:
        KeyInUse: The key already stands for another operation.
    """
    use = requester.key
    if use is None:
        return
    keys = idempotency_keys
    connection.execute(delete(keys).where(_is_over(), keys.c.key == use.key))
    values = {
        "caller": requester.caller,
        "method": use.method,
        "path": use.path,
        "key": use.key,
        "body_digest": use.body_digest,
        "operation_id": operation_id,
        "expires_at": now() + use.keep,
    }
    taken = connection.execute(
        insert_unless_there(connection.dialect.name, keys)
        .values(values)
        .returning(keys.c.operation_id)
    )
    if taken.first() is None:
        raise KeyInUse


def find(connection: Connection, requester: Requester) -> tuple[Operation, str] | None:
    """Return the operation that a key stands for, and the digest of the body; None if unused."""
    use, keys = requester.key, idempotency_keys
    assert use is not None
    row = connection.execute(
        select(*operations.c, keys.c.body_digest)
        .join(keys, keys.c.operation_id == operations.c.id)
        .where(
            keys.c.caller == requester.caller,
            keys.c.method == use.method,
            keys.c.path == use.path,
            keys.c.key == use.key,
            not_(_is_over()),
        )
    ).first()
    if row is None:
        return None
    values = row._asdict()
    digest = values.pop("body_digest")
    return Operation.of_values(values), digest


def forget(connection: Connection, operation: Operation) -> None:
    """Delete an operation's key, so that the caller can use it again: nothing was changed."""
    keys = idempotency_keys
    connection.execute(delete(keys).where(keys.c.operation_id == operation.id))


def forget_old(connection: Connection) -> int:
    """Delete the expired keys; return how many there were."""
    keys = idempotency_keys
    return connection.execute(delete(keys).where(_is_over())).rowcount


def _is_over() -> ColumnElement[bool]:
    # No key expires while the clock is in doubt. After a jump, a repeated request would otherwise
    # start a second VM.
    return and_(idempotency_keys.c.expires_at <= now(), not_(clock_hold.IN_DOUBT))
