"""Access to the database for the event loop, which it does not block."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable
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
from orchestrator_core.observed import Transaction
from orchestrator_core.state import damage, sqlite_errors, sqlite_file
from orchestrator_core.state.data_version import DataVersion
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
"""The exceptions that mean a failure of the database, not of a statement."""

_EXAMINED_AGAIN: Final = 60.0
"""Seconds between two examinations of a file in which no damage was found."""


class Database:
    """A database, with a few threads of its own.

    Args:
        url: The URL: ``sqlite:///PATH`` or ``postgresql+psycopg://...``.
        base: The folder to which an SQLite file's path is relative.
        logs_failures: Whether failures are logged; a command prints the reason itself.

    Raises:
        SettingsError: The URL cannot be used, or the file is not a database.
    """

    def __init__(self, url: str, base: Path, *, logs_failures: bool = True) -> None:
        self.url: URL = parse_url(url, base)
        self._system = self.url.get_backend_name()
        self.is_sqlite = self._system == "sqlite"
        self._watch: sqlite_file.Watch | None = None
        self._version: DataVersion | None = None
        if self.is_sqlite:
            sqlite_file.check(self._file)
            self._watch = sqlite_file.Watch(self._file)
            self._version = DataVersion(self._file)
        self.closed = False
        self._reserved_for: int | None = None
        self._examined_at = -_EXAMINED_AGAIN
        self._failures = Failures(is_logged=logs_failures)
        self._readers = FairThreads(_THREADS, "state-read")
        if self.is_sqlite:
            self.engine: Engine = make_engine(self.url, 1)
            self._reading: Engine = make_engine(self.url, _THREADS, writes=False)
            self._writer = Writer(self.engine, 1)
        else:
            self.engine = make_engine(self.url, 2 * _THREADS)
            # Without it, each statement would see commits made since the previous statement.
            self._reading = self.engine.execution_options(orchestrator_snapshot=True)
            self._writer = Writer(self.engine, _WRITERS)

    @property
    def untouched(self) -> bool:
        """Whether it is an SQLite file that is empty or missing; a first query would make it."""
        return self.is_sqlite and sqlite_file.is_empty(self._file)

    @property
    def shown(self) -> str:
        """The name for messages: the file's path, or the URL without its password."""
        return str(self._file) if self.is_sqlite else self.url.render_as_string()

    @property
    def file_identity(self) -> str | None:
        """The identity of an SQLite file, whatever its name; None if it is empty or missing."""
        return sqlite_file.identity(self._file)

    @property
    def _file(self) -> Path:
        assert self.url.database is not None
        return Path(self.url.database)

    @property
    def place(self) -> str:
        """The location of the database; it distinguishes a copy from the original.

        Raises:
            StateUnavailable: The database cannot be reached.
        """
        return self._sqlite_place() if self.is_sqlite else self.read_now(postgresql_place)

    def place_within(self, connection: Connection) -> str:
        """Return the location of the database, read by a transaction that is open already.

        :attr:`place` would take a second connection meanwhile. When two processes wait for each
        other behind a pooler with two connections, that one would never come.

        Raises:
            StateUnavailable: The database file cannot be reached.
        """
        return self._sqlite_place() if self.is_sqlite else postgresql_place(connection)

    def _sqlite_place(self) -> str:
        try:
            return sqlite_place(self.url)
        except OSError as error:
            raise self._to_raise(sqlite3.OperationalError(error.strerror), writes=True) from None

    @property
    def version(self) -> Hashable:
        """The version of the content, which changes with each commit of any process.

        It is None if the database cannot tell it without a query.

        Raises:
            StateUnavailable: The database cannot be reached.
        """
        if self._version is None:
            return None
        self._check_open()
        return self._version.read()

    async def write(self, work: Work[T]) -> T:
        """Run statements in one transaction; return their result after the commit.

        Raises:
            StateUnavailable: The database cannot be reached; nothing was changed.
            CommitUnconfirmed: The connection failed during the commit, which may have been made.
            Exception: The exception that the work raised; nothing was changed.
        """
        self._check_open()
        with Transaction("write", self._system):
            try:
                done = await self._writer.submit(work)
            except OrchestratorError as error:
                self._note(error, writes=True)
                raise
            except Exception as error:  # noqa: BLE001 - a damaged file can cause any error
                raise await asyncio.to_thread(self._to_raise, error, writes=True) from None
        self._failures.over(writes=True)
        return done

    async def read(self, work: Work[T]) -> T:
        """Run statements that change nothing; all see the same state of the database.

        Raises:
            StateUnavailable: The database cannot be reached.
        """
        self._check_open()
        asked_at = time.monotonic()
        with Transaction("read", self._system):
            try:
                reading = self._readers.submit(self._read, work, asked_at)
                found: T = await asyncio.wrap_future(reading)
            except OrchestratorError as error:
                self._note(error, writes=False)
                raise
            except Exception as error:  # noqa: BLE001 - a damaged file can cause any error
                raise await asyncio.to_thread(self._to_raise, error, writes=False) from None
        self._failures.over(writes=False)
        return found

    def write_now(self, work: Work[T]) -> T:
        """Do what :meth:`write` does, for threads and commands; this blocks."""
        return self._call(self._writer.submit_from_thread(work).result, writes=True)

    def read_now(self, work: Work[T]) -> T:
        """Do what :meth:`read` does, for threads and commands; this blocks."""
        return self._call(lambda: self._read(work, time.monotonic()), writes=False)

    def reserve(self, thread: int | None) -> None:
        """Refuse every use by other threads, until :meth:`open_to_all`.

        Args:
            thread: The identifier of the thread that may still use the database.
        """
        self._reserved_for = thread

    def open_to_all(self) -> None:
        """Allow use by all threads again, after :meth:`reserve`."""
        self._reserved_for = None

    def checkpoint(self) -> None:
        """Write committed data from an SQLite log into the database file; this blocks.

        SQLite does this automatically only every 1,000 pages, so a small database would exist only
        in its log.
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
            # No data is lost, and the next checkpoint may succeed. A lasting fault of the file
            # also fails every write, which reports it.
            _log.warning("checkpoint failed", why=str(error).split("\n", 1)[0])

    def close(self) -> None:
        """Finish the transactions that have begun, then close the connections."""
        self.closed = True
        if self._version is not None:
            self._version.close()
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
                # The connection was dead. SQLAlchemy replaces all pooled connections after that.
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
            lost.reason = f"{self._file} was moved, deleted or replaced"
            self._failures.report(lost.reason, writes=True)
            raise lost

    def _call(self, call: Callable[[], T], *, writes: bool) -> T:
        self._check_open()
        with Transaction("write" if writes else "read", self._system):
            try:
                done = call()
            except Exception as error:
                raised = self._to_raise(error, writes=writes)
                if raised is error:
                    raise  # with its cause, which "from None" would remove
                raise raised from None
        self._failures.over(writes=writes)
        return done

    def _to_raise(self, error: Exception, *, writes: bool) -> Exception:
        """Return the exception to raise for an error; the error itself if the database is fine."""
        cause = error.cause if isinstance(error, CommitError) else error
        if isinstance(cause, OrchestratorError):
            self._note(cause, writes=writes)
            return cause
        why = self._why(cause) if _is_failure(cause) else self._damage()
        if not why:
            return cause
        # The driver's message may contain an internal address, so it is only logged.
        unusable = CommitUnconfirmed() if isinstance(error, CommitError) else StateUnavailable()
        unusable.reason = why
        self._failures.report(why, writes=writes)
        return unusable

    def _note(self, error: OrchestratorError, *, writes: bool) -> None:
        if isinstance(error, StateUnavailable) and error.reason:
            self._failures.report(error.reason, writes=writes)

    def _damage(self) -> str:
        """Return a description of the damage in an SQLite file, for an error that it may explain.

        A damaged page makes statements return impossible results: rows twice, or texts of bytes.
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
        """Return a description of a failure; SQLite's own names neither the file nor its owner."""
        if self.is_sqlite:
            return sqlite_errors.explain(self._file, cause)
        original = cause.orig if isinstance(cause, DBAPIError) else None
        words = str(original or cause).split("\n", 1)[0]
        return f"{self.shown}: {words.removeprefix('connection failed: ')}"


def _is_failure(error: Exception) -> bool:
    # SQLite reports a damaged file with DatabaseError itself, the base class of the others.
    return isinstance(error, _FAILURES) or type(error) is DatabaseError
