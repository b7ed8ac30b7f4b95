"""Examination of versions: installed and running ones, and those that get no more corrections."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from orchestrator_core.cli.doctor.findings import Finding, number, warning
from orchestrator_core.cli.doctor.servers import RunningServer
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.running import CORE, PYTHON

if TYPE_CHECKING:
    from sqlalchemy import Connection

PYTHON_ENDS: Final = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}
"""The last day of security releases; source: https://devguide.python.org/versions/"""

POSTGRESQL_ENDS: Final = {
    12: date(2024, 11, 14),
    13: date(2025, 11, 13),
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
"""The day of the last release; source: https://www.postgresql.org/support/versioning/"""

_NUMBERS_PER_MAJOR: Final = 10_000
"""PostgreSQL's ``server_version_num`` is the major version times this, plus the minor one."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield versions that are not in use yet, differ, or are old."""
    for server in subject.servers:
        yield from _not_in_use(server)
    database = subject.readable
    if database is not None:
        yield from mixed(database.read_now(_running))
        if not database.is_sqlite:
            major = database.read_now(_postgresql)
            yield from ended("PostgreSQL", str(major), POSTGRESQL_ENDS.get(major), _today())
    python = sys.version_info[:2]
    yield from ended("Python", "{}.{}".format(*python), PYTHON_ENDS.get(python), _today())


def _not_in_use(server: RunningServer) -> Iterator[Finding]:
    if server.prefix != sys.prefix:
        yield warning(
            "another_environment",
            f"{server.title} runs from {server.prefix}, and this command from {sys.prefix}.",
            "The versions and plugins that this command sees are not those of the server.",
            f"{server.prefix}/bin/orchestrator doctor --config {server.file}",
        )
        return
    old = {
        f"{name} {running} (installed: {_installed(name) or 'none'})"
        for process in server.processes()
        for name, running in process.versions.items()
        if _installed(name) != running
    }
    if old:
        yield warning(
            "restart_outstanding",
            f"{server.title} still runs {', '.join(sorted(old))}.",
            "A process that replaces a dead one loads other code than the rest.",
            f"systemctl restart orchestrator; for new plugins alone: {server.reload}",
        )


def _installed(name: str) -> str | None:
    """Return the version of a package that a new process would load; None without one."""
    if name == PYTHON:
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def mixed(running: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding if the processes of an installation have several versions of the core.

    Args:
        running: the version of each living process, by a name that tells its machine.
    """
    counts = Counter(running.values())
    if len(counts) > 1:
        newest = max(
            counts, key=lambda one: [int(part) for part in one.split(".") if part.isdigit()]
        )
        behind = sorted(name for name, one in running.items() if one != newest)
        shown = ", ".join(f"{count} with {one}" for one, count in sorted(counts.items()))
        yield warning(
            "mixed_versions",
            f"{number(len(running), 'process', 'processes')} of several versions share the "
            f"database: {shown}.",
            "That is right only during an upgrade; some requests meet the old version.",
            f"Upgrade {CORE} to {newest} and restart: {', '.join(behind)}",
        )


def ended(name: str, found: str, end: date | None, today: date) -> Iterator[Finding]:
    """Yield a finding if a version gets no more corrections.

    Args:
        name: the program.
        found: its version.
        end: the last day of its support; None if it is unknown.
        today: the present day.
    """
    if end is not None and end < today:
        yield warning(
            "version_ended",
            f"{name} {found} has had no more corrections since {end:%Y-%m-%d}.",
            "Known faults of its security stay in it.",
            f"Upgrade {name}",
        )


def _running(connection: Connection) -> dict[str, str]:
    from orchestrator_core.broker.process.process import all_processes  # noqa: PLC0415

    return {
        f"{row['host']} (pid {row['pid']})": str(row["version"])
        for row in all_processes(connection)
        if float(str(row["silent"])) < _ALIVE
    }


_ALIVE: Final = 60.0
"""Seconds since the last heartbeat within which a process counts as running."""


def _postgresql(connection: Connection) -> int:
    found = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
    return int(found) // _NUMBERS_PER_MAJOR


def _today() -> date:
    return datetime.now(UTC).date()
