"""Examination of the database: whether it can be used, its size and its unused space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from orchestrator_core.cli.doctor.findings import (
    Finding,
    capitalized,
    duration,
    problem,
    size,
    warning,
)
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.cli.reach import reach_database
from orchestrator_core.settings.model import StateSettings

if TYPE_CHECKING:
    from orchestrator_core.broker.backlog import Backlog
    from orchestrator_core.state.database import Database
    from orchestrator_core.state.last_backup import Backups
    from orchestrator_core.state.storage import Storage

_UNUSED: Final = 8 * 2**20
_LOG: Final = 64 * 2**20
"""Bytes. SQLite empties its log after every 4 MiB, unless a reader keeps it from doing so."""

_DEAD: Final = 10_000
"""Rows, for which autovacuum surely has to run (its threshold is a fifth of the table)."""

_LATE: Final = 86_400.0
"""Seconds after the retention within which the durable worker may delete many old rows."""

_OLD_BACKUP: Final = 7 * 86_400.0
_NEW: Final = 86_400.0
"""Seconds for which a new database may be without a backup."""

PATIENCE: Final = 3600.0
"""Seconds for which a VM may be in between."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield why the database cannot be used, and what makes it larger than it needs to be."""
    if subject.database is None:
        return
    if not subject.usable:
        yield _unusable(subject, subject.database)
        return
    from orchestrator_core.broker import backlog  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state import last_backup, schema, storage  # noqa: PLC0415

    database, state = subject.database, subject.settings.state
    assert state is not None
    found = database.read_now(schema.current)
    if found is not None and found < schema.SCHEMA:
        yield warning(
            "schema_old",
            f"The database has schema {found}, and this version was written for {schema.SCHEMA}.",
            "It works, but what the newer schema brings is missing.",
            f"orchestrator db upgrade{subject.config}",
        )
    yield from bloat(database.read_now(storage.read), database.shown)
    known = database.read_now(last_backup.read)
    if known is not None:
        yield from backups(known, subject.config)
    yield from old_rows(
        database.read_now(
            lambda c: backlog.read(c, state.process_timeout, state.retention, PATIENCE)
        ),
        state,
    )


def _unusable(subject: Subject, database: Database) -> Finding:
    attempt = reach_database(subject.settings, database, connect=True)
    remedy = attempt.remedy or "do what this message says"
    return problem(
        "database_unusable",
        f"The database cannot be used: {attempt.outcome}.",
        "Every change of a VM is refused, and no lease expires.",
        f"{capitalized(remedy)}, until this succeeds: orchestrator check --connect{subject.config}",
    )


def bloat(found: Storage, shown: str) -> Iterator[Finding]:
    """Yield findings about the unused space of a database.

    Args:
        found: its space.
        shown: its name for messages: of SQLite the file.
    """
    if found.unused > _UNUSED and 2 * found.unused > found.size:
        yield warning(
            "unused_space",
            f"{size(found.unused)} of the {size(found.size)} of {shown} hold nothing.",
            "Backups and the disk are larger than they need to be; new rows use the space first.",
            f"When little is changed, since it blocks writes: sqlite3 {shown} 'VACUUM;'",
        )
    if found.log > _LOG:
        yield warning(
            "log_large",
            f"The log of {shown} has {size(found.log)}.",
            "A program that reads for long keeps SQLite from emptying it, and reads become slow.",
            f"End programs that have it open (fuser {shown}), then: "
            f"sqlite3 {shown} 'PRAGMA wal_checkpoint(TRUNCATE);'",
        )
    for table, (dead, live) in sorted((found.dead or {}).items()):
        if dead > _DEAD and dead > live:
            yield warning(
                "dead_rows",
                f"The table {table} has {dead} deleted rows beside {live} living ones.",
                "Autovacuum does not keep up, so the table grows and its reads become slow.",
                f"psql: VACUUM (ANALYZE) {table}; and look for old transactions in "
                "pg_stat_activity",
            )


def backups(found: Backups, config: str) -> Iterator[Finding]:
    """Yield a finding if the last backup is old, or if there is none.

    Args:
        found: the backups that the database knows of.
        config: the option of commands that names the settings file.
    """
    if found.archived is not None and found.archived < _OLD_BACKUP:
        return  # physical backups and their log, of which this program does not learn
    if found.age is None:
        if found.database_age < _NEW:
            return
        detail = (
            "The database was never backed up by this program, in the "
            f"{duration(found.database_age)} since it was made."
        )
    elif found.age < _OLD_BACKUP:
        return
    else:
        detail = f"The last backup is {duration(found.age)} old: {found.target} on {found.host}."
    yield warning(
        "backup_old",
        detail,
        "If the disk is lost, so is the record of who holds which VM since then.",
        f"Each day, for example by cron: orchestrator db backup{config} FILE; copy FILE to another "
        "machine. If your platform makes the backups, no step is needed",
    )


def old_rows(found: Backlog, state: StateSettings) -> Iterator[Finding]:
    """Yield a finding if finished operations are kept for longer than the settings say."""
    if found.overdue > _LATE:
        yield warning(
            "old_rows",
            f"The oldest finished operation is {duration(found.overdue)} older than [state] "
            f"retention ({duration(state.retention)}).",
            "The database grows, because no durable worker deletes old rows.",
            "Run one: orchestrator worker, or worker = true in [state]",
        )
