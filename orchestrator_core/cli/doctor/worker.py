"""Examination of the durable worker: its heartbeat, and the work that waits for it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator_core.cli.doctor.database import PATIENCE
from orchestrator_core.cli.doctor.findings import (
    Finding,
    duration,
    listed,
    number,
    problem,
    warning,
)
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.metrics import catalogue

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.broker.backlog import Backlog
    from orchestrator_core.broker.figures import Figures

_LAG: Final = 60.0
"""Seconds for which a due operation may wait, as the log's alert has it."""

_CHANGE: Final = 3.0
"""Seconds in which a reload replaces the durable worker."""

_LATE_SCANS: Final = 5
"""Intervals after which an orphan scan is late."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield what keeps the durable worker from finishing its work."""
    database, state = subject.readable, subject.settings.state
    if database is None or state is None:
        return
    from orchestrator_core.broker import backlog, figures  # noqa: PLC0415 - needs SQLAlchemy

    timeout = state.process_timeout
    found = database.read_now(lambda c: figures.read(c, timeout))
    if subject.servers and not _is_alive(found):
        time.sleep(_CHANGE)
        found = database.read_now(lambda c: figures.read(c, timeout))
    late = database.read_now(lambda c: backlog.read(c, timeout, state.retention, PATIENCE))
    held, processes = database.read_now(_processes)
    yield from alive(found)
    yield from silent(processes, timeout)
    yield from waiting(found, late)
    yield from decisions(found, held)
    yield from vms(late)
    yield from scans(found, state.orphan_scan_interval, subject.settings.clouds)


def alive(found: Figures) -> Iterator[Finding]:
    """Yield a finding if no durable worker lives, or if it is behind."""
    if not _is_alive(found):
        yield problem(
            "no_durable_worker",
            "No durable worker has a recent heartbeat.",
            "Interrupted operations do not continue, and no lease expires.",
            "worker = true in [state], then restart; or run: orchestrator worker",
        )
    lag = found[catalogue.WORKER_LAG].get((), 0.0)
    if lag > _LAG:
        yield problem(
            "worker_behind",
            f"An operation has been due for {duration(lag)}, and no durable worker has begun it.",
            "Changes that were interrupted or are repeated come late.",
            "Look for its reason: orchestrator operations list --state pending; and raise "
            "[state] concurrency, or run another: orchestrator worker",
        )


def _is_alive(found: Figures) -> bool:
    return bool(found[catalogue.PROCESSES].get(("worker",)))


def silent(processes: Sequence[Mapping[str, Any]], timeout: float) -> Iterator[Finding]:
    """Yield a finding for each process without a recent heartbeat.

    Args:
        processes: the rows of all processes.
        timeout: the seconds of silence after which a process counts as dead.
    """
    for row in processes:
        if row["silent"] > timeout:
            yield warning(
                "process_silent",
                f"Process {row['pid']} on {row['host']} ({row['kind']}) has had no heartbeat for "
                f"{duration(row['silent'])}.",
                "It was killed with its machine, or hangs; others have taken over its operations.",
                f"If its machine runs, restart the server there; its row goes after a day "
                f"(orchestrator status shows {row['id']})",
            )


def waiting(found: Figures, late: Backlog) -> Iterator[Finding]:
    """Yield operations that have been open for long."""
    if late.lost:
        yield problem(
            "operations_lost",
            f"{number(late.lost, 'operation')} of silent processes "
            f"{'waits' if late.lost == 1 else 'wait'} for a durable worker.",
            "Their callers get no result.",
            "Run a durable worker with these settings: orchestrator worker",
        )
    old = {
        f"{kind} ({state}, {duration(age)})"
        for (kind, state), age in found[catalogue.OPERATION_AGE].items()
        if age > PATIENCE and state != "paused"
    }
    if old:
        yield warning(
            "operations_old",
            f"The oldest open operations are: {', '.join(sorted(old))}.",
            "A VM is in between, or a cloud keeps failing.",
            "orchestrator operations list --state pending, then: orchestrator operations show ID",
        )


def decisions(found: Figures, held: str) -> Iterator[Finding]:
    """Yield what waits for an operator."""
    if held:
        yield warning(
            "destruction_held",
            f"Nothing is destroyed: {held}.",
            "Released VMs run, and cost, until an operator decides.",
            "If it was frozen: orchestrator thaw; if restored: orchestrator db restored --confirm",
        )
    paused = sum(
        int(count) for (_, state), count in found[catalogue.OPERATIONS].items() if state == "paused"
    )
    if paused:
        yield warning(
            "operations_paused",
            f"{number(paused, 'operation')} ended without a certain result and "
            f"{'waits' if paused == 1 else 'wait'} for an operator.",
            "Their VMs may run, and cost, without an owner.",
            "orchestrator operations list --state paused, then: orchestrator operations retry ID",
        )
    orphans = int(sum(found[catalogue.ORPHANS].values()))
    if orphans:
        yield warning(
            "orphans_undecided",
            f"{number(orphans, 'VM')} {'has' if orphans == 1 else 'have'} the marker of this "
            "installation and no owner.",
            "Each runs, and costs, until an operator decides.",
            "orchestrator orphans list, then adopt, ignore or destroy each",
        )


def vms(late: Backlog) -> Iterator[Finding]:
    """Yield VMs that cost and serve no user."""
    if late.destroying:
        cloud = late.destroying[0][0]
        yield warning(
            "vms_destroying",
            f"VMs in destruction for more than {duration(PATIENCE)}: {_list(late.destroying)}.",
            "Their cloud does not confirm that they are gone, so they may run and cost.",
            f"orchestrator operations list --cloud {cloud}",
        )
    if late.protected:
        cloud, node = late.protected[0]
        yield warning(
            "vms_protected",
            f"Protected VMs without a user for more than {duration(PATIENCE)}: "
            f"{_list(late.protected)}.",
            "They run, and cost, until their protection is removed.",
            f"orchestrator protect {cloud} {node} --off",
        )


def _list(found: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{node} of {cloud}" for cloud, node in found)


def scans(found: Figures, interval: float, clouds: Collection[str]) -> Iterator[Finding]:
    """Yield clouds whose orphans are not looked for.

    Args:
        found: the figures of the installation.
        interval: the seconds between two scans of a cloud.
        clouds: the clouds of the settings; the last scans of others stay in the database.
    """
    failed = {cloud for (cloud,), value in found[catalogue.SCAN_FAILED].items() if value}
    late = {
        cloud for (cloud,), age in found[catalogue.SCAN_AGE].items() if age > _LATE_SCANS * interval
    }
    if not _is_alive(found):
        late.clear()  # That no durable worker lives is a finding of its own.
    names = sorted((failed | late).intersection(clouds))
    if names:
        yield warning(
            "orphan_scan_failed",
            f"The last orphan scan failed or is old: {listed(names)}.",
            "VMs that run there without an owner are not noticed.",
            "orchestrator orphans list shows the reason",
        )


def _processes(connection: Connection) -> tuple[str, Sequence[Mapping[str, Any]]]:
    from orchestrator_core.broker.queries import processes  # noqa: PLC0415 - needs SQLAlchemy

    held, _, found = processes(connection)
    return held, found
