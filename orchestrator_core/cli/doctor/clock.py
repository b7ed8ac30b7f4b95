"""Examination of clocks: this machine's, the database's, and those behind the heartbeats."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator_core.cli.doctor.findings import Finding, duration, problem, warning
from orchestrator_core.cli.doctor.subject import Subject

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TOLERATED: Final = 2.0
"""Seconds by which clocks that a time server sets may differ."""

_AHEAD: Final = 1.0
"""Seconds by which a heartbeat may be in the future, as the processes themselves tolerate."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield clocks that differ, and a database clock that is not trusted."""
    database = subject.readable
    if database is not None:
        database.read_now(_now)  # connects, which would count as a difference
        before = time.time()
        at = database.read_now(_now)
        after = time.time()
        yield from skew(at - (before + after) / 2, (after - before) / 2)
        doubt, processes = database.read_now(_state)
        if doubt:
            yield problem(
                "clock_in_doubt",
                f"The database's clock is not trusted: {doubt}.",
                "No lease expires, and the durable workers begin nothing.",
                f"orchestrator db clock{subject.config}; if it is right, add --confirm",
            )
        yield from ahead(processes)


def skew(seconds: float, uncertainty: float) -> Iterator[Finding]:
    """Yield a finding if the database's clock and this machine's differ.

    Args:
        seconds: the database's time minus this machine's.
        uncertainty: the seconds by which the measurement may be wrong.
    """
    if abs(seconds) - uncertainty > _TOLERATED:
        way = "ahead of" if seconds > 0 else "behind"
        yield warning(
            "clock_skew",
            f"The database's clock is {duration(abs(seconds))} {way} this machine's.",
            "Leases follow the database's clock, and log lines this machine's; certificates and "
            "signed requests may be refused if this machine's clock is the wrong one.",
            "Set both by a time server: timedatectl set-ntp true",
        )


def ahead(processes: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield a finding for each process whose last heartbeat is in the future."""
    for row in processes:
        if row["silent"] < -_AHEAD:
            yield warning(
                "heartbeat_in_future",
                f"The last heartbeat of process {row['pid']} on {row['host']} is "
                f"{duration(-row['silent'])} in the future by the database's clock.",
                "The clock was set back, so a dead process counts as alive for that long.",
                "orchestrator db clock; then set the database's machine by a time server",
            )


def _now(connection: Connection) -> float:
    from sqlalchemy import select  # noqa: PLC0415 - only with a database

    from orchestrator_core.state.clock import now  # noqa: PLC0415

    return float(connection.execute(select(now())).scalar_one())


def _state(connection: Connection) -> tuple[str, Sequence[Mapping[str, Any]]]:
    from orchestrator_core.broker.queries import processes  # noqa: PLC0415

    _, doubt, found = processes(connection)
    return doubt, found
