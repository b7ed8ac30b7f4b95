"""The health of the database and of the durable workers, as one process sees it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from orchestrator_core.errors import SettingsError
from orchestrator_core.state import clock_hold, installation, schema
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import processes


@dataclass(frozen=True, slots=True)
class StateHealth:
    """The parts of the database on which the work of a process depends.

    Attributes:
        schema_fault: the reason why this code cannot work on the schema; empty if it can.
        is_registered: whether other processes count this one as alive; if not, it begins nothing.
        now: the time by the database's clock, in seconds since 1970.
        worker_seen_at: the time of the last heartbeat of any durable worker; None if the database
            knows no durable worker.
        held: the reason why nothing is destroyed; empty if destruction is allowed.
        clock: the reason why the clock is not trusted; empty if it is trusted.
    """

    schema_fault: str
    is_registered: bool
    now: float = 0.0
    worker_seen_at: float | None = None
    held: str = ""
    clock: str = ""


def read(connection: Connection, *, is_registered: bool) -> StateHealth:
    """Return the health of the database; this changes nothing."""
    try:
        schema.check(connection)
    except SettingsError as error:
        return StateHealth(error.message, is_registered)
    seen = (
        select(func.max(processes.c.seen_at)).where(processes.c.kind == "worker").scalar_subquery()
    )
    row = connection.execute(select(now().label("now"), seen.label("seen"))).one()
    held = installation.read(connection).held
    clock = clock_hold.read(connection).reason
    return StateHealth("", is_registered, row.now, row.seen, held, clock)
