"""Statements on the trust in the database's clock, and on each machine's readings of it.

While the clock is not trusted, no lease and no Idempotency-Key expires, and the durable workers
begin nothing. The hold ends when an operator confirms the clock, or when the clock is back at the
right time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, select, update

from orchestrator_core.state.clock import now
from orchestrator_core.state.insert import insert_of
from orchestrator_core.state.tables import clock_anchors, clock_hold, operations, orphan_scans

IN_DOUBT: Final[ColumnElement[bool]] = (
    select(clock_hold.c.singleton).where(clock_hold.c.held_at.is_not(None)).exists()
)
"""The condition that the clock is not trusted, for use in a statement."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The clock and the record of its trust, read in one statement.

    Attributes:
        at: The time by the database's clock, in seconds since 1970.
        epoch: The number of times that trust in the clock was restored.
        reason: The reason why the clock is not trusted; empty if it is trusted.
        gap: The seconds between the last moment when the clock was certainly right and the hold; 0
            without a hold.
    """

    at: float
    epoch: int
    reason: str
    gap: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """One moment, read from two clocks.

    Attributes:
        epoch: The epoch in which the reading was made.
        at: The time by the database's clock.
        uptime: The machine's uptime right after ``at`` was read.
        since: The machine's uptime when its readings began.
    """

    epoch: int
    at: float
    uptime: float
    since: float


def read(connection: Connection) -> Reading:
    """Return the clock and the record of its trust."""
    table = clock_hold
    row = connection.execute(
        select(now().label("at"), table.c.epoch, table.c.held_at, table.c.reason, table.c.gap)
    ).one()
    if row.held_at is None:
        return Reading(row.at, row.epoch, "", 0.0)
    return Reading(row.at, row.epoch, row.reason or "", row.gap or 0.0)


def hold(connection: Connection, reading: Reading, reason: str, gap: float) -> bool:
    """Stop trusting the clock; return whether the hold is new in this epoch."""
    table = clock_hold
    held = connection.execute(
        update(table)
        .where(table.c.held_at.is_(None), table.c.epoch == reading.epoch)
        .values(held_at=now(), reason=reason, gap=gap)
    )
    return bool(held.rowcount)


def release(connection: Connection, epoch: int) -> bool:
    """Trust the clock again, in a new epoch; return whether it was held in the given epoch."""
    table = clock_hold
    released = connection.execute(
        update(table)
        .where(table.c.held_at.is_not(None), table.c.epoch == epoch)
        .values(held_at=None, reason=None, gap=None, epoch=epoch + 1)
    )
    return bool(released.rowcount)


def confirm(connection: Connection) -> str:
    """Trust the clock as it is; return why it was not trusted, or an empty text.

    Operations and orphan scans that are due later become due at once. After a jump back, they
    would otherwise wait for the length of the jump.
    """
    reading = read(connection)
    if not reading.reason or not release(connection, reading.epoch):
        return ""
    connection.execute(
        update(operations)
        .where(operations.c.finished_at.is_(None), operations.c.next_attempt_at > now())
        .values(next_attempt_at=now())
    )
    connection.execute(
        update(orphan_scans).where(orphan_scans.c.due_at > now()).values(due_at=now())
    )
    return reading.reason


def anchor_of(connection: Connection, machine: str) -> Anchor | None:
    """Return a machine's last reading; None if it has none."""
    table = clock_anchors
    row = connection.execute(
        select(table.c.epoch, table.c.at, table.c.uptime, table.c.since).where(
            table.c.machine == machine
        )
    ).first()
    return None if row is None else Anchor(*row)


def has_others(connection: Connection, machine: str) -> bool:
    """Return whether another machine, or another boot of this one, has read the clock."""
    other = select(clock_anchors.c.machine).where(clock_anchors.c.machine != machine)
    return bool(connection.execute(select(other.exists())).scalar_one())


def keep_anchor(connection: Connection, machine: str, anchor: Anchor) -> None:
    """Record a machine's last reading."""
    values = {
        "epoch": anchor.epoch,
        "at": anchor.at,
        "uptime": anchor.uptime,
        "since": anchor.since,
    }
    insert = insert_of(connection.dialect.name, clock_anchors).values(machine=machine, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["machine"], set_=values))


def forget_anchors(connection: Connection, older_than: float) -> int:
    """Delete readings older than a number of seconds; return how many machines they were of."""
    table = clock_anchors
    return connection.execute(delete(table).where(table.c.at < now() - older_than)).rowcount
