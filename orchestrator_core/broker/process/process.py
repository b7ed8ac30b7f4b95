"""This process among all that work on one database: its name, its heartbeat, its lease.

A process that is silent for longer than the lease is taken for dead, and its operations are
taken over. It must not do harm if it comes back: what it writes is refused by the rows'
generations, and it begins nothing with a cloud while it is not sure of its lease.
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

from orchestrator_core.broker.operations import acquire
from orchestrator_core.broker.process.alerts import Notices
from orchestrator_core.broker.process.process_identity import has_ended, read_process_identity
from orchestrator_core.errors import OrchestratorError, StateUnavailable
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
"""How many heartbeats there are in a lease."""

_AHEAD: Final = 1.0
"""Seconds that a row may be in the future: two connections may see a clock be slewed."""

_SETTLING: Final = 10.0
"""Seconds after which an operation that nobody here knows of is given up."""

_LOST: Final = "its outcome could not be written down"


class Process:
    """One process that runs operations.

    Args:
        database: where it says that it lives.
        kind: ``web`` or ``worker``.
        lease: seconds of silence after which it is taken for dead.
        clock_jump: seconds by which the database's clock may jump.

    Attributes:
        id: its name in the rows.
        clock: what it makes of the database's clock.
    """

    def __init__(
        self, database: Database, kind: str, lease: float, clock_jump: float = 300.0
    ) -> None:
        self.id = new_id()
        self._running: dict[str, set[asyncio.Task[Any]]] = {}
        self._forgotten: set[tuple[str, int]] = set()
        self._found = self._forgotten
        self._database = database
        self._kind = kind
        self._lease = lease
        self.clock = ClockWatch(clock_jump, lease, lease / _BEATS)
        self._sure_until = 0.0
        self._lapses = 0
        self._notices = Notices(kind)
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Enter the rows, and stay there until :meth:`stop`.

        Raises:
            StateUnavailable: when the database cannot be had.
        """
        self._beat(self._enter)
        self._thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the rows: what this process still runs may be taken over at once."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self._sure_until = 0.0
        try:
            self._database.write_now(self._leave)
        except OrchestratorError:
            _log.warning("could not sign off", process=self.id)

    def runs(self, operation_id: str, task: asyncio.Task[Any]) -> None:
        """Do not give an operation up before this task has ended, however it ends."""
        self._running.setdefault(operation_id, set()).add(task)
        task.add_done_callback(lambda ended: self._ended(operation_id, ended))

    def _ended(self, operation_id: str, task: asyncio.Task[Any]) -> None:
        tasks = self._running[operation_id]
        tasks.discard(task)
        if not tasks:
            del self._running[operation_id]

    def check_lease(self) -> None:
        """Do nothing if nobody can have taken this process for dead.

        Raises:
            StateUnavailable: if somebody may have.
        """
        if uptime() >= self._sure_until:
            raise StateUnavailable

    def lease(self) -> Callable[[], None]:
        """Return a check that fails for ever once somebody may have taken this process for dead.

        Whoever comes back from a long sleep has lost what it was about to begin, although its
        next heartbeat makes it sure of its lease again.

        Raises:
            StateUnavailable: if somebody may have already; so does the check.
        """
        lapses = self._lapses

        def check() -> None:
            self.check_lease()
            if lapses != self._lapses:
                raise StateUnavailable

        check()
        return check

    def _live(self) -> None:
        while not self._end.wait(self._lease / _BEATS):
            try:
                self._beat(self._stay)
            except StateUnavailable:
                pass  # which stands in the log already
            except OrchestratorError as error:
                _log.warning("heartbeat failed", process=self.id, why=error.message)
            except Exception:  # noqa: BLE001 - it must go on beating
                _log.exception("heartbeat failed", process=self.id)

    def _beat(self, work: Callable[[Connection], None]) -> None:
        begun = uptime()
        self._found = self._forgotten
        self._database.write_now(work)
        self._forgotten = self._found  # only now: the work may have run twice
        if begun >= self._sure_until:
            self._lapses += 1
        # Others count from the row's own time, which is no earlier than this beat's beginning.
        self._sure_until = begun + self._lease * (1 - 1 / _BEATS)

    def _enter(self, connection: Connection) -> None:
        connection.execute(
            insert_unless_there(connection.dialect.name, processes).values(
                id=self.id,
                kind=self._kind,
                host=socket.gethostname(),
                pid=os.getpid(),
                birth=read_process_identity(),
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
        self._let_go_of_the_forgotten(connection)
        # A server that is restored or fails over keeps its address, and we our connections' pool.
        if connection.dialect.name == "postgresql" and installation.hold_if_moved(
            connection, postgresql_place(connection)
        ):
            _log.error("nothing is destroyed", why=installation.MOVED)
        self._notices.look(connection)

    def _let_go_of_the_forgotten(self, connection: Connection) -> None:
        """Give up what nobody here knows of at two heartbeats: of one the news may be on its way.

        A commit may take long, and an event loop that is busy hears late of its end.
        """
        found = acquire.forgotten(connection, self.id, tuple(self._running), _SETTLING)
        for operation in found:
            if (operation.id, operation.generation) in self._forgotten:
                acquire.reclaim(connection, operation, _LOST)
        self._found = {(operation.id, operation.generation) for operation in found}

    def _leave(self, connection: Connection) -> None:
        for operation in acquire.forgotten(connection, self.id):
            acquire.reclaim(connection, operation, _LOST)
        connection.execute(delete(processes).where(processes.c.id == self.id))


def _age(connection: Connection) -> None:
    """Let a process that was seen in the future be seen now.

    Only a clock that was set back makes such a row. A dead process would live on in it for as long
    as the jump.
    """
    table = processes
    ahead = table.c.seen_at > now() + _AHEAD
    connection.execute(update(table).where(ahead).values(seen_at=now()))


def ended(connection: Connection) -> list[str]:
    """Return the processes of this machine that have ended without signing off."""
    rows = connection.execute(select(processes.c.id, processes.c.birth))
    return [row.id for row in rows if has_ended(row.birth)]


def remove_dead(connection: Connection, ids: list[str]) -> None:
    """Take processes for dead at once, without waiting for their leases to end."""
    connection.execute(delete(processes).where(processes.c.id.in_(ids)))


def forget_dead(connection: Connection, silent: float) -> int:
    """Delete processes that were silent for so many seconds and run nothing; return how many."""
    table = processes
    return connection.execute(delete(table).where(table.c.seen_at < now() - silent)).rowcount


def all_processes(connection: Connection) -> list[dict[str, object]]:
    """Return every process that the rows know, with the seconds since it was seen."""
    table = processes
    query = select(*table.c, (now() - table.c.seen_at).label("silent")).order_by(table.c.id)
    return [row._asdict() for row in connection.execute(query)]
