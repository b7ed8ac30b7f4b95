"""Connections to PostgreSQL, of which none waits for ever for a server that fell silent."""

from __future__ import annotations

import time
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from orchestrator_core.state.writers import SilenceError

T = TypeVar("T")

_LOCK_SECONDS: Final = 30
_STATEMENT_SECONDS: Final = 30
_IDLE_SECONDS: Final = 10
"""After which a process that stands still in a transaction loses its locks."""

_ANSWER_SECONDS: Final = 45
"""How long an answer is waited for.

It is longer than all that the server ends by itself and then says so. It holds where nothing else
does: for a server that stands still, whose kernel still answers, and for a commit.
"""

_PEER_SECONDS: Final = 30
"""How long the kernel waits for a sign of life of the server's."""

_CONNECT_SECONDS: Final = 10
_LONG_SECONDS: Final = 1.0
_SHUT_SECONDS: Final = 1.0

CONNECT_ARGS: Final[dict[str, Any]] = {
    "connect_timeout": _CONNECT_SECONDS,
    "application_name": "orchestrator",
    "options": (
        f"-c statement_timeout={_STATEMENT_SECONDS}s -c lock_timeout={_LOCK_SECONDS}s "
        f"-c idle_in_transaction_session_timeout={_IDLE_SECONDS}s"
    ),
    # For who waits for an answer, and has sent everything ...
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    # ... and for who has sent what nobody has received: it would be sent again for 15 minutes.
    "tcp_user_timeout": _PEER_SECONDS * 1000,
}


class _NoAnswerError(psycopg.OperationalError, SilenceError):
    """The driver's error of it, of which SQLAlchemy makes one of its own."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is cut when an answer has not come for long enough.

    All of psycopg's waiting goes through its one method: nothing else has to watch.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer."""
        try:
            return super().wait(gen, interval, _ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise  # it has answered, or the connection broke
            self.close()
            raise _NoAnswerError(f"No answer in {_ANSWER_SECONDS} s") from None


class Connector:
    """Makes the connections of one engine.

    Who comes right after an attempt that took long and failed fails with it: where a server's
    machine is gone, all that wait would otherwise wait for an attempt each, one after another.
    """

    def __init__(self) -> None:
        self._failure = ""
        self._shut_until = 0.0

    def connect(
        self, _dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]
    ) -> PatientConnection:
        """Connect; for SQLAlchemy's event ``do_connect``."""
        began = time.monotonic()
        if began < self._shut_until:
            raise psycopg.OperationalError(self._failure)
        try:
            return PatientConnection.connect(*arguments, **named)
        except psycopg.OperationalError as error:
            ended = time.monotonic()
            if ended - began >= _LONG_SECONDS:
                self._failure = str(error)
                self._shut_until = ended + _SHUT_SECONDS
            raise
