"""The entry of a process into its database: the checks, then its row among the processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from orchestrator_core.broker.process.process import Process
from orchestrator_core.errors import OrchestratorError, StateUnavailable
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import TableFault

_log = structlog.get_logger(__name__)

_PATIENCE: Final = 3.0
"""Seconds for which a process that may be late waits for the database before it continues."""

_RETRY_DELAY: Final = 1.0
"""Seconds between two tries while the database is unreachable."""


class Entry:
    """The steps that a process completes once before it may use its database.

    A process that may be late continues without a database that does not answer. A thread then
    repeats the steps, and the database refuses every other thread until the last step succeeds.
    A process without a row therefore reads, records and begins nothing.

    Args:
        database: the database of the process.
        process: the process whose row is inserted last.
        check: all steps before that; returns the faults of plugins whose tables cannot be used.
        may_be_late: whether another process of this server has used this database already, so
            that its schema and its tables need not be created.

    Attributes:
        is_late: whether the process serves without the database for now.
    """

    def __init__(
        self,
        database: Database,
        process: Process,
        check: Callable[[], Sequence[TableFault]],
        *,
        may_be_late: bool,
    ) -> None:
        self.is_late = False
        self._database = database
        self.process = process
        self._check = check
        self._may_be_late = may_be_late
        self._faults: Sequence[TableFault] = ()
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._given_up = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Run the checks; block for some seconds at most if the process may be late.

        Raises:
            StateUnavailable: when the database is unreachable, and the process may not be late.
            SettingsError: when the database cannot be used; the message says what to do.
        """
        self._make(self._run_check)
        if not self.is_late:
            for fault in self._faults:
                fault.end()

    def enter(self) -> None:
        """Insert the row of the process, as :meth:`check`, but without waiting if it is late.

        Raises:
            StateUnavailable: when the database is unreachable, and the process may not be late.
        """
        self._make(self.process.start, is_last=True)

    def give_up(self) -> bool:
        """Stop trying; return whether the process is still late."""
        self._given_up.set()
        with self._lock:
            return self.is_late

    def _run_check(self) -> None:
        self._faults = self._check()

    def _make(self, step: Callable[[], None], *, is_last: bool = False) -> None:
        if not self._may_be_late:
            step()
            return
        done = threading.Event()
        thread = threading.Thread(
            target=self._repeat, args=(step, self._thread, done, is_last), daemon=True
        )
        self._thread = thread
        thread.start()
        if self.is_late:
            return  # The new thread waits for the previous one.
        done.wait(_PATIENCE)
        with self._lock:
            if not done.is_set():
                self.is_late = True
                self._database.reserve(thread.ident)
                _log.warning("database unavailable; serving without it until it is back")
        if self._error is not None:
            raise self._error

    def _repeat(
        self,
        step: Callable[[], None],
        before: threading.Thread | None,
        done: threading.Event,
        is_last: bool,  # noqa: FBT001 - of a thread
    ) -> None:
        if before is not None:
            before.join()
        with self._lock:
            if self._error is not None:
                return
            if self.is_late:
                self._database.reserve(threading.get_ident())
        while not self._given_up.is_set():
            try:
                step()
            except StateUnavailable:
                self._given_up.wait(_RETRY_DELAY)  # The reason is logged already.
            except Exception as error:  # noqa: BLE001 - the caller raises it
                self._end(done, error)
                return
            else:
                self._end(done, None, is_last=is_last)
                return

    def _end(
        self, done: threading.Event, error: Exception | None, *, is_last: bool = False
    ) -> None:
        """Record the end of a step; after an error, end a process that already serves.

        The process that replaces it meets the same error at its start, and reports it.
        """
        with self._lock:
            done.set()
            if self.is_late and error is None and self._faults:
                error = self._faults[0].error  # The clouds of that plugin are served already.
            self._error = error
            if error is None and is_last:
                self.is_late = False
                self._database.open_to_all()
            if not self.is_late:
                return
        if error is not None:
            why = error.message if isinstance(error, OrchestratorError) else repr(error)
            _log.critical("process ends: database cannot be used", why=why)
            os.kill(os.getpid(), signal.SIGTERM)
