"""The database as the event loop sees it: nothing of it blocks."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import structlog
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orchestrator_core.errors import CommitUnconfirmed, OrchestratorError, StateUnavailable
from orchestrator_core.fair_threads import FairThreads
from orchestrator_core.state import damage, sqlite_errors, sqlite_file
from orchestrator_core.state.engines import make_engine
from orchestrator_core.state.failures import Failures
from orchestrator_core.state.lock_wait import LockTimeoutError, waiting_since
from orchestrator_core.state.place import postgresql_place, sqlite_place
from orchestrator_core.state.url import parse_url
from orchestrator_core.state.writers import CommitError, Work, Writer, is_retryable

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_THREADS: Final = 4
_WRITERS: Final = 2

_FAILURES: Final = (
    OperationalError,
    InterfaceError,
    InternalError,
    PoolTimeoutError,
    LockTimeoutError,
    sqlite3.Error,
)
"""What is raised when the database, and not a statement, is at fault."""

_EXAMINED_AGAIN: Final = 60.0
"""Seconds until a file in which no damage was found is examined again."""


class Database:
    """One database, with a few threads of its own.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql+psycopg://...``.
        base: the folder to which an SQLite file's path is relative.

    Raises:
        SettingsError: when the URL cannot be used, or the file is no database.
    """

    def __init__(self, url: str, base: Path) -> None:
        self.url: URL = parse_url(url, base)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._watch: sqlite_file.Watch | None = None
        if self.is_sqlite:
            sqlite_file.check(self._file)
            self._watch = sqlite_file.Watch(self._file)
        self.closed = False
        self._reserved_for: int | None = None
        self._examined_at = -_EXAMINED_AGAIN
        self._failures = Failures()
        self._readers = FairThreads(_THREADS, "state-read")
        if self.is_sqlite:
            self.engine: Engine = make_engine(self.url, 1)
            self._reading: Engine = make_engine(self.url, _THREADS, writes=False)
            self._writer = Writer(self.engine, 1)
        else:
            self.engine = make_engine(self.url, 2 * _THREADS)
            # Otherwise each statement would see what was committed since the last one.
            self._reading = self.engine.execution_options(orchestrator_snapshot=True)
            self._writer = Writer(self.engine, _WRITERS)

    @property
    def untouched(self) -> bool:
        """Whether it is an SQLite file in which nothing is yet: a first look would make it."""
        return self.is_sqlite and sqlite_file.is_empty(self._file)

    @property
    def shown(self) -> str:
        """What people are told: the file's path, or the URL without its password."""
        return str(self._file) if self.is_sqlite else self.url.render_as_string()

    @property
    def file_identity(self) -> str | None:
        """Which file an SQLite database is, whatever its name; None when nothing is there."""
        return sqlite_file.identity(self._file)

    @property
    def _file(self) -> Path:
        assert self.url.database is not None
        return Path(self.url.database)

    @property
    def place(self) -> str:
        """Where the database is; tells a copy of it from the original.

        Raises:
            StateUnavailable: when the database cannot be had.
        """
        if self.is_sqlite:
            try:
                return sqlite_place(self.url)
            except OSError as error:
                raise self._told_as(sqlite3.OperationalError(error.strerror), writes=True) from None
        return self.read_now(postgresql_place)

    async def write(self, work: Work[T]) -> T:
        """Run statements in one transaction; return what they return, once it is committed.

        Raises:
            StateUnavailable: when the database cannot be had; nothing is changed then, save
                where it broke off in the commit itself.
            Exception: what the work raises; nothing is changed then.
        """
        self._check_open()
        try:
            done = await self._writer.submit(work)
        except OrchestratorError as error:
            self._note(error, writes=True)
            raise
        except Exception as error:  # noqa: BLE001 - it may come of a damaged file
            raise await asyncio.to_thread(self._told_as, error, writes=True) from None
        self._failures.over(writes=True)
        return done

    async def read(self, work: Work[T]) -> T:
        """Run statements that change nothing, all on the same state of the database.

        Raises:
            StateUnavailable: when the database cannot be had.
        """
        self._check_open()
        asked_at = time.monotonic()
        try:
            found: T = await asyncio.wrap_future(self._readers.submit(self._read, work, asked_at))
        except OrchestratorError as error:
            self._note(error, writes=False)
            raise
        except Exception as error:  # noqa: BLE001 - it may come of a damaged file
            raise await asyncio.to_thread(self._told_as, error, writes=False) from None
        self._failures.over(writes=False)
        return found

    def write_now(self, work: Work[T]) -> T:
        """As :meth:`write`, for threads and commands: blocks."""
        return self._told(self._writer.submit_from_thread(work).result, writes=True)

    def read_now(self, work: Work[T]) -> T:
        """As :meth:`read`, for threads and commands: blocks."""
        return self._told(lambda: self._read(work, time.monotonic()), writes=False)

    def reserve(self, thread: int | None) -> None:
        """Refuse every use by another thread, until :meth:`open_to_all`.

        Args:
            thread: the identifier of the one that may go on.
        """
        self._reserved_for = thread

    def open_to_all(self) -> None:
        """End what :meth:`reserve` began."""
        self._reserved_for = None

    def checkpoint(self) -> None:
        """Have what was committed written into an SQLite database's file itself; blocks.

        By itself SQLite does so every 1,000 pages: a small database would stand in its log alone.
        """
        if not self.is_sqlite:
            return
        self._check_open()
        try:
            raw = self._reading.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                raw.close()
        except (sqlite3.Error, SQLAlchemyError) as error:
            # Nothing is lost by it, and there is a next time; what is wrong every write meets too.
            _log.warning("checkpoint failed", why=str(error).split("\n", 1)[0])

    def close(self) -> None:
        """Finish what was begun and let go of the connections."""
        self.closed = True
        self._writer.close()
        self._readers.shutdown()
        self.engine.dispose()
        self._reading.dispose()

    def _read(self, work: Callable[[Connection], T], asked_at: float) -> T:
        with waiting_since(asked_at):
            try:
                return self._read_once(work)
            except DBAPIError as error:
                if not is_retryable(error):
                    raise
                # The connection was dead, and all others are made anew.
                return self._read_once(work)

    def _read_once(self, work: Callable[[Connection], T]) -> T:
        with self._reading.connect() as connection, connection.begin():
            return work(connection)

    def _check_open(self) -> None:
        if self._reserved_for not in (None, threading.get_ident()):
            raise StateUnavailable
        self._check_file()

    def _check_file(self) -> None:
        if self._watch is not None and self._watch.has_lost_it():
            lost = StateUnavailable()
            lost.why = f"{self._file} was moved, deleted or replaced"
            self._failures.tell(lost.why, writes=True)
            raise lost

    def _told(self, call: Callable[[], T], *, writes: bool) -> T:
        self._check_open()
        try:
            done = call()
        except Exception as error:  # noqa: BLE001 - it may come of a damaged file
            raise self._told_as(error, writes=writes) from None
        self._failures.over(writes=writes)
        return done

    def _told_as(self, error: Exception, *, writes: bool) -> Exception:
        """Return what is raised in an error's place; itself where the database is not at fault."""
        cause = error.cause if isinstance(error, CommitError) else error
        if isinstance(cause, OrchestratorError):
            self._note(cause, writes=writes)
            return cause
        why = self._why(cause) if _is_failure(cause) else self._damage()
        if not why:
            return cause
        # The driver's words may hold an inner address: they go to the log alone.
        told = CommitUnconfirmed() if isinstance(error, CommitError) else StateUnavailable()
        told.why = why
        self._failures.tell(told.why, writes=writes)
        return told

    def _note(self, error: OrchestratorError, *, writes: bool) -> None:
        if isinstance(error, StateUnavailable) and error.why:
            self._failures.tell(error.why, writes=writes)

    def _damage(self) -> str:
        """Return what is damaged in an SQLite file, for an error that may come of it.

        A damaged page makes statements return what they never would: rows twice, texts of bytes.
        """
        clock = time.monotonic()
        if not self.is_sqlite or clock - self._examined_at < _EXAMINED_AGAIN:
            return ""
        found = damage.find(self._file)
        if not found:
            self._examined_at = clock
            return ""
        return f"{self._file} is damaged ({found}): {sqlite_file.DAMAGED}"

    def _why(self, cause: Exception) -> str:
        """Return what has failed; SQLite itself names neither the file nor its owner."""
        if self.is_sqlite:
            return sqlite_errors.explain(self._file, cause)
        return f"{self.shown}: {str(cause).split(chr(10), 1)[0]}"


def _is_failure(error: Exception) -> bool:
    # SQLite says that a file is damaged with the class that all the others are made of.
    return isinstance(error, _FAILURES) or type(error) is DatabaseError
