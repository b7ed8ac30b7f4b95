"""Examination of clocks: this machine's, the database's, and those behind the heartbeats."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator_core.cli.doctor.addresses import NamedServer, named_servers
from orchestrator_core.cli.doctor.ask import clock_of
from orchestrator_core.cli.doctor.findings import Finding, duration, problem, warning
from orchestrator_core.cli.doctor.run import Task
from orchestrator_core.cli.doctor.subject import Subject

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TOLERATED: Final = 2.0
"""Seconds by which clocks that a time server sets may differ."""

_AHEAD: Final = 1.0
"""Seconds by which a heartbeat may be in the future, as the processes themselves tolerate."""


_TOLERATED_BY_CLOUDS: Final = 30.0
"""Seconds. EC2 refuses requests after 5 minutes, and a token's lifetime is judged by its issuer."""

_PATIENCE: Final = 8.0
"""The seconds for the answers of all clouds."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield clocks that differ, and a database clock that is not trusted."""
    yield from _clouds(subject)
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


def _clouds(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each cloud whose clock is not this machine's."""
    tasks = [(one, Task(partial(_ahead_of_us, one))) for one in named_servers(subject.settings)]
    ends_at = time.monotonic() + _PATIENCE
    for one, task in tasks:
        with suppress(Exception):  # the examination of clouds tells why one does not answer
            ahead = task.result(ends_at - time.monotonic())
            if ahead is not None and abs(ahead) > _TOLERATED_BY_CLOUDS:
                yield _skew_of_cloud(one, ahead)


def _ahead_of_us(server: NamedServer) -> float | None:
    """Return the seconds by which a server's clock is ahead of this machine's, to about one."""
    before = time.time()
    shown = clock_of(server)
    return None if shown is None else shown - (before + time.time()) / 2


def _skew_of_cloud(server: NamedServer, ahead: float) -> Finding:
    way = "ahead of" if ahead > 0 else "behind"
    return warning(
        "cloud_clock_skew",
        f"The clock of {server} is {duration(abs(ahead))} {way} this machine's.",
        "The cloud may refuse signed requests and tokens.",
        "Set this machine's clock by a time server: timedatectl set-ntp true; if it is right, tell "
        "the owner of the other",
    )


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
