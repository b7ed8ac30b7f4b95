"""This process among those that share one database: its id, heartbeat and timeout.

A process that is silent for longer than the process_timeout is considered dead, and other
processes take over its operations. It must do no harm if it comes back. Its writes are therefore
refused by the fences of the rows, and it begins nothing in a cloud while other processes may
consider it dead.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from orchestrator_core.broker.operations import acquire
from orchestrator_core.broker.process.alerts import Alerts
from orchestrator_core.errors import OrchestratorError, StateUnavailable
from orchestrator_core.process_identity import has_ended, read_process_identity
from orchestrator_core.resources import core_version
from orchestrator_core.state import installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.clock_watch import ClockWatch
from orchestrator_core.state.database import Database
from orchestrator_core.state.identifiers import new_id
from orchestrator_core.state.insert import insert_unless_there
from orchestrator_core.state.place import postgresql_place
from orchestrator_core.state.tables import processes
from orchestrator_core.uptime import uptime

_log = structlog.get_logger(__name__)

_BEATS: Final = 5
"""Number of heartbeats within the process timeout."""

_AHEAD: Final = 1.0
"""Seconds that a row may be in the future: two connections may read a clock that is slewed."""

_SETTLING: Final = 10.0
"""Seconds after which an operation that no task of this process runs is reclaimed."""

_LOST: Final = "the outcome of the attempt could not be recorded"


class Process:
    """One process that runs operations.

    Args:
        database: the database that holds the heartbeats.
        kind: ``web``, ``worker`` or ``command``.
        process_timeout: the seconds of silence after which the process is considered dead.
        clock_jump: the seconds by which the database's clock may jump.

    Attributes:
        id: the id of the process in the rows.
        clock: the watch of the process over the database's clock.
    """

    def __init__(
        self, database: Database, kind: str, process_timeout: float, clock_jump: float = 300.0
    ) -> None:
        self.id = new_id()
        self._running: dict[str, set[asyncio.Task[Any]]] = {}
        self._forgotten: set[tuple[str, int]] = set()
        self._found = self._forgotten
        self._database = database
        self._kind = kind
        self._process_timeout = process_timeout
        self.clock = ClockWatch(clock_jump, process_timeout, process_timeout / _BEATS)
        self._sure_until = 0.0
        self._lapses = 0
        self._alerts = Alerts(kind)
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Insert the row of this process, and send heartbeats until :meth:`stop`.

        Raises:
            StateUnavailable: when the database is unreachable.
        """
        self._beat(self._enter)
        self._thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Delete the row of this process; others may take over its operations at once."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self._sure_until = 0.0
        try:
            self._database.write_now(self._leave)
        except (OrchestratorError, SQLAlchemyError):
            _log.warning("process row not deleted", process=self.id)

    def runs(self, operation_id: str, task: asyncio.Task[Any]) -> None:
        """Register a task of an operation; do not reclaim the operation before the task ends."""
        self._running.setdefault(operation_id, set()).add(task)
        task.add_done_callback(lambda ended: self._ended(operation_id, ended))

    def _ended(self, operation_id: str, task: asyncio.Task[Any]) -> None:
        tasks = self._running[operation_id]
        tasks.discard(task)
        if not tasks:
            del self._running[operation_id]

    @property
    def is_registered(self) -> bool:
        """Whether every other process counts this one as alive."""
        return uptime() < self._sure_until

    def check_lease(self) -> None:
        """Check that no other process can consider this one dead.

        Raises:
            StateUnavailable: when another process may consider this one dead.
        """
        if not self.is_registered:
            raise StateUnavailable

    def ownership_check(self) -> Callable[[], None]:
        """Return a check that fails for ever once another process may consider this one dead.

        A process that wakes from a long sleep has lost the operation that it was about to begin,
        although its next heartbeat makes it count as alive again.

        Raises:
            StateUnavailable: when another process may consider this one dead already. The check
                raises the same error.
        """
        lapses = self._lapses

        def check() -> None:
            self.check_lease()
            if lapses != self._lapses:
                raise StateUnavailable

        check()
        return check

    def _live(self) -> None:
        while not self._end.wait(self._process_timeout / _BEATS):
            try:
                self._beat(self._stay)
            except StateUnavailable:
                pass  # The outage is logged already.
            except OrchestratorError as error:
                _log.warning("heartbeat failed", process=self.id, why=error.message)
            except SQLAlchemyError as error:  # for example, the tables were dropped
                _log.warning("heartbeat failed", process=self.id, why=_first_line(error))
            except Exception:  # noqa: BLE001 - the heartbeats must continue
                _log.exception("heartbeat failed", process=self.id)

    def _beat(self, work: Callable[[Connection], None]) -> None:
        begun = uptime()
        self._found = self._forgotten
        self._database.write_now(work)
        self._forgotten = self._found  # Only after the commit: the work may have run twice.
        if begun >= self._sure_until:
            self._lapses += 1
        # Other processes count from the row's time, which is not before the start of this beat.
        self._sure_until = begun + self._process_timeout * (1 - 1 / _BEATS)

    def _enter(self, connection: Connection) -> None:
        connection.execute(
            insert_unless_there(connection.dialect.name, processes).values(
                id=self.id,
                kind=self._kind,
                host=socket.gethostname(),
                pid=os.getpid(),
                identity=read_process_identity(),
                version=core_version(),
                started_at=now(),
                seen_at=now(),
            )
        )
        self.clock.observe(connection)

    def _stay(self, connection: Connection) -> None:
        table = processes
        stayed = connection.execute(
            update(table).where(table.c.id == self.id).values(seen_at=now())
        )
        if not stayed.rowcount:
            self._lapses += 1
            self._enter(connection)
        self.clock.observe(connection)
        _age(connection)
        self._reclaim_unknown(connection)
        # A server that is restored or fails over keeps its address, and this process keeps its
        # connection pool, so a move of the database must be looked for here.
        if connection.dialect.name == "postgresql" and installation.hold_if_moved(
            connection, postgresql_place(connection)
        ):
            _log.error("destruction held", why=installation.MOVED)
        self._alerts.check(connection)

    def _reclaim_unknown(self, connection: Connection) -> None:
        """Reclaim operations that no task of this process runs at two consecutive heartbeats.

        One heartbeat is not enough: a commit may take long, and a busy event loop learns of its
        end late.
        """
        found = acquire.forgotten(connection, self.id, tuple(self._running), _SETTLING)
        for operation in found:
            if (operation.id, operation.fence) in self._forgotten:
                acquire.reclaim(connection, operation, _LOST)
        self._found = {(operation.id, operation.fence) for operation in found}

    def _leave(self, connection: Connection) -> None:
        for operation in acquire.forgotten(connection, self.id):
            acquire.reclaim(connection, operation, _LOST)
        connection.execute(delete(processes).where(processes.c.id == self.id))


def _first_line(error: SQLAlchemyError) -> str:
    """Return what the database has said, without the statement and its values."""
    return str(error).partition("\n")[0]


def _age(connection: Connection) -> None:
    """Set the last heartbeats that lie in the future to the current time.

    Only a clock that was set back makes such a row. Without this, a dead process would count as
    alive for the length of the jump.
    """
    table = processes
    ahead = table.c.seen_at > now() + _AHEAD
    connection.execute(update(table).where(ahead).values(seen_at=now()))


def ended(connection: Connection) -> list[str]:
    """Return the ids of this machine's processes that ended without deleting their rows."""
    rows = connection.execute(select(processes.c.id, processes.c.identity))
    return [row.id for row in rows if has_ended(row.identity)]


def remove_dead(connection: Connection, ids: list[str]) -> None:
    """Delete the rows of ended processes at once, without waiting for the process timeout."""
    connection.execute(delete(processes).where(processes.c.id.in_(ids)))


def forget_dead(connection: Connection, silent: float) -> int:
    """Delete the rows of processes that were silent for the given seconds; return their number."""
    table = processes
    return connection.execute(delete(table).where(table.c.seen_at < now() - silent)).rowcount


def all_processes(connection: Connection) -> list[dict[str, object]]:
    """Return every recorded process, with the seconds since its last heartbeat."""
    table = processes
    query = select(*table.c, (now() - table.c.seen_at).label("silent")).order_by(table.c.id)
    return [row._asdict() for row in connection.execute(query)]
