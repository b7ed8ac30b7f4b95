"""Connections to PostgreSQL that never wait for ever for a server that does not answer.

This module does not depend on the state of a server's session. Behind a pooler such as PgBouncer
in transaction mode, each transaction may run in another session:
https://www.pgbouncer.org/features.html
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final, TypeVar

import psycopg
import structlog
from psycopg.abc import Params, PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

from orchestrator_core.errors import SettingsError
from orchestrator_core.state.writers import SilenceError

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_LOCK_SECONDS: Final = 30
_STATEMENT_SECONDS: Final = 30
_IDLE_SECONDS: Final = 10
"""Seconds after which a process that stops in the middle of a transaction loses its locks."""

_ANSWER_SECONDS: Final = 45
"""The longest wait for an answer, in seconds.

It is longer than the limits that the server itself enforces and reports. It is needed where no
other limit applies: for a stopped server whose kernel still answers, and for a commit.
"""

_PEER_SECONDS: Final = 30
"""Seconds for which the kernel waits for a sign of life from the server."""

_CONNECT_SECONDS: Final = 10
_LONG_SECONDS: Final = 1.0
_SHUT_SECONDS: Final = 1.0

CONNECT_ARGS: Final[dict[str, Any]] = {
    "connect_timeout": _CONNECT_SECONDS,
    "application_name": "orchestrator",
    # For a connection that waits for an answer and has sent everything ...
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    # ... and for data that the server has not received: the kernel would resend it for 15 minutes.
    "tcp_user_timeout": _PEER_SECONDS * 1000,
}


_LIMITS: Final = (
    f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'; "
    f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'"
)
"""The limits of one transaction.

They are not startup parameters (``options``), because PgBouncer refuses or drops those.
"""

_BEGIN: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_LIMITS}"
_BEGIN_SNAPSHOT: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {_LIMITS}"

SNAPSHOT: Final = "orchestrator_snapshot"
"""The execution option of an engine whose transactions each read one snapshot of the database."""


def begin(connection: Connection) -> None:
    """Begin a transaction and set its limits in one round trip; for SQLAlchemy's event ``begin``.

    psycopg is in its autocommit mode and does not begin transactions. Its own BEGIN would be one
    round trip, and setting the limits a second one.
    """
    snapshot = connection.get_execution_options().get(SNAPSHOT, False)
    connection.exec_driver_sql(_BEGIN_SNAPSHOT if snapshot else _BEGIN)


class _Cursor(psycopg.Cursor[Any]):
    """A cursor that never prepares the statements that begin a transaction."""

    def execute(self, query: Any, params: Params | None = None, **how: Any) -> _Cursor:
        """Execute a query; never prepare a BEGIN, which contains several statements.

        A server refuses to prepare several statements at once.
        """
        if query in (_BEGIN, _BEGIN_SNAPSHOT):
            how["prepare"] = False
        return super().execute(query, params, **how)


class _NoAnswerError(psycopg.OperationalError, SilenceError):
    """A driver error for a silent server; SQLAlchemy wraps it in an error of its own."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed if an answer takes too long.

    All waiting in psycopg goes through the one method below, so no other code has to watch it.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer; close the connection if none comes in time."""
        try:
            return super().wait(gen, interval, _ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise  # the server has answered, or the connection broke
            self.close()
            raise _NoAnswerError(f"No answer in {_ANSWER_SECONDS} s") from None


class Connector:
    """A factory for the connections of one engine.

    After a slow attempt that failed, all other attempts fail at once until one has succeeded. If
    the server's machine is gone, each caller would otherwise wait for an attempt of its own. A
    thread makes the next attempts, so that no caller waits for them.
    """

    def __init__(self) -> None:
        self._failure = ""
        self._next = 0.0
        self._trying = threading.Lock()
        self._is_pooler_logged = False

    def connect(
        self, _dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]
    ) -> PatientConnection:
        """Connect; for SQLAlchemy's event ``do_connect``."""
        if self._failure:
            failure = psycopg.OperationalError(self._failure)
            self._try_again(arguments, named)
            raise failure
        return self._attempt(arguments, named)

    def _attempt(self, arguments: list[Any], named: dict[str, Any]) -> PatientConnection:
        began = time.monotonic()
        try:
            connection = self._connect(*arguments, **named)
        except psycopg.OperationalError as error:
            ended = time.monotonic()
            if ended - began >= _LONG_SECONDS:
                self._next = ended + _SHUT_SECONDS
                self._failure = str(error)
            else:
                self._failure = ""  # the server answers, although it refuses
            raise
        self._failure = ""
        return connection

    def _try_again(self, arguments: list[Any], named: dict[str, Any]) -> None:
        """Begin an attempt in a thread, unless one is under way or has just ended."""
        if time.monotonic() < self._next or not self._trying.acquire(blocking=False):
            return

        def attempt() -> None:
            try:
                self._attempt(arguments, named).close()
            except psycopg.OperationalError:
                pass  # the next callers get the failure
            except (psycopg.Error, SettingsError):
                self._failure = ""  # the next caller makes an attempt and gets the error
            finally:
                self._trying.release()

        threading.Thread(target=attempt, name="state-connect", daemon=True).start()

    def _connect(self, *arguments: Any, **named: Any) -> PatientConnection:
        connection = PatientConnection.connect(*arguments, **named)
        connection.autocommit = True
        connection.cursor_factory = _Cursor
        try:
            self._look_for_pooler(connection)
        except (psycopg.Error, SettingsError):
            connection.close()
            raise
        return connection

    def _look_for_pooler(self, connection: PatientConnection) -> None:
        """Disable prepared statements if a pooler assigns the server's sessions.

        A statement that one session has prepared is unknown to the next session, or another
        statement has its name there. A pooler makes up the process id that it sends to a client,
        because it has no server for it yet. That id therefore differs from the server's own.
        """
        row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
        if row is None or row[0] != connection.info.backend_pid:
            connection.prepare_threshold = None
            _check_transactions(connection)
            if not self._is_pooler_logged:
                self._is_pooler_logged = True
                _log.info("the database is behind a connection pooler: no prepared statements")


def _check_transactions(connection: PatientConnection) -> None:
    """Check that a pooler keeps one session of the server for a whole transaction.

    Raises:
        SettingsError: The pooler is in statement mode.
    """
    try:
        connection.execute("BEGIN", prepare=False)
    except psycopg.errors.ProtocolViolation:
        raise SettingsError(
            "the connection pooler before the database allows no transactions; set its pool_mode "
            "to transaction or session (PgBouncer: statement mode cannot be used)"
        ) from None
    connection.execute("ROLLBACK", prepare=False)
