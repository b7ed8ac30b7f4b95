"""The orphan scan, which uses one complete listing of each cloud."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import Connection, func, select, update

from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations.operation import Requester
from orchestrator_core.broker.orphans import orphans
from orchestrator_core.broker.orphans.reasons import OrphanReason
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.living import is_living
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, Refused
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state import installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.clock_watch import ClockWatch
from orchestrator_core.state.database import Database
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.tables import orphan_scans

_log = structlog.get_logger(__name__)

_OURSELVES: Final = Requester("orchestrator", "scan")


class OrphanScanner:
    """Orphan scanner, which scans each cloud once per interval, in the process that is first.

    Args:
        database: the database that holds the orphans.
        registry: the registry of the clouds.
        interval: the seconds between two scans of one cloud.
        clock: the watch over the database's clock; nothing is concluded from a jump of the clock.
    """

    def __init__(
        self, database: Database, registry: Registry, interval: float, clock: ClockWatch
    ) -> None:
        self._clock = clock
        self._database = database
        self._registry = registry
        self._interval = interval

    async def scan_due(self) -> None:
        """Scan every cloud that is due."""
        usable = [name for name, cloud in self._registry.clouds.items() if not cloud.failure]
        # One read, every second, for all clouds: a write would take the lock from the changes.
        if not await self._database.read(lambda connection: _is_any_due(connection, usable)):
            return
        for name in await self._database.write(
            lambda connection: _claim(connection, usable, self._interval)
        ):
            await self._scan(self._registry.clouds[name])

    async def _scan(self, cloud: Cloud) -> None:
        started_at = await self._database.read(clock_of)
        try:
            _, nodes = await cloud.list_all()
        except OrchestratorError as error:
            message = error.message
            await self._database.write(lambda c: _ended(c, cloud.name, None, message))
            return

        def work(connection: Connection) -> list[orphans.Orphan]:
            itself = installation.read(connection)
            noted = orphans.note(connection, cloud.name, itself.id, nodes)
            seen = orphans.once(connection, noted)
            vms.note_seen(connection, cloud.name, [node.id for node in nodes if is_living(node)])
            ended = [node.id for node in nodes if not is_living(node)]
            vms.note_terminated(connection, cloud.name, ended, started_at)
            _ended(connection, cloud.name, len(nodes), None)
            _apply_rules(connection, cloud.settings, seen)
            self._clock.check(connection)
            return seen

        for orphan in await self._database.write(work):
            _log.warning(
                "orphan found",
                cloud=orphan.cloud,
                node=orphan.node_id,
                reason=orphan.reason,
                times_seen=orphan.times_seen,
            )


def _is_any_due(connection: Connection, clouds: list[str]) -> bool:
    """Return whether one of these clouds is due, or has never been scanned."""
    waiting = (
        select(func.count())
        .select_from(orphan_scans)
        .where(orphan_scans.c.cloud.in_(clouds), orphan_scans.c.due_at > now())
    )
    count: int = connection.execute(waiting).scalar_one()
    return count < len(clouds)


def _claim(connection: Connection, clouds: list[str], interval: float) -> list[str]:
    known = set(connection.scalars(select(orphan_scans.c.cloud)))
    new = [{"cloud": name, "due_at": 0.0} for name in clouds if name not in known]
    if new:
        connection.execute(insert_unless_there(connection.dialect.name, orphan_scans), new)
    rows = connection.execute(
        update(orphan_scans)
        .where(orphan_scans.c.cloud.in_(clouds), orphan_scans.c.due_at <= now())
        .values(due_at=now() + interval)
        .returning(orphan_scans.c.cloud)
    )
    return list(rows.scalars())


def _ended(connection: Connection, cloud: str, nodes: int | None, error: str | None) -> None:
    connection.execute(
        update(orphan_scans)
        .where(orphan_scans.c.cloud == cloud)
        .values(ended_at=now(), nodes=nodes, error_message=error)
    )


def clock_of(connection: Connection) -> float:
    """Return the time of the database's clock, in seconds since 1970."""
    clock: float = connection.execute(select(now())).scalar_one()
    return clock


def _apply_rules(connection: Connection, cloud: CloudSettings, seen: list[orphans.Orphan]) -> None:
    """Hold destruction if the cloud has VMs unknown to the database; destroy orphans by rule."""
    # An operator who confirms has seen the orphans of that time; only a new one raises new doubt.
    if any(
        orphan.reason == OrphanReason.UNKNOWN_OPERATION and orphan.times_seen == 1
        for orphan in seen
    ):
        installation.doubt(
            connection,
            f"cloud {cloud.name} has VMs of this installation that the database does not know; it "
            "may have been restored from a backup",
        )
    clock = clock_of(connection)
    for orphan in seen:
        if orphans.is_to_be_destroyed(orphan, cloud.orphans, clock):
            key = VmKey(orphan.cloud, orphan.node_id, orphan.name)
            with suppress(Refused):  # The VM was assigned or protected meanwhile.
                orphans.destroy(connection, key, _OURSELVES)
