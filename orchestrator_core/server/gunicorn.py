"""The values that ``conf/gunicorn.conf.py`` takes from the settings, and its hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from gunicorn.errors import HaltServer

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.metrics.catalogue import FOLDER
from orchestrator_core.metrics.slots import wipe
from orchestrator_core.redaction import redact
from orchestrator_core.resources import core_version
from orchestrator_core.run_directory import run_directory
from orchestrator_core.running import note_server
from orchestrator_core.server import metrics_address, tls
from orchestrator_core.server.announcer import announce
from orchestrator_core.server.binding import check_binding, warn_of_plain_tokens
from orchestrator_core.server.greeting import greet
from orchestrator_core.server.listening import are_handed, try_addresses
from orchestrator_core.server.master import guard_master
from orchestrator_core.server.parts import check_run_directory, checked_apart, faults_of
from orchestrator_core.server.reload import guard_reload
from orchestrator_core.server.supervisor import supervise
from orchestrator_core.server.systemd import Notifier
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOUD_DEADLINES
from orchestrator_core.settings.model import ServerSettings, Settings
from orchestrator_core.settings.snapshot import current

LOGGER: Final = "orchestrator_core.server.logger.Logger"
WORKER: Final = "orchestrator_core.server.worker.Worker"

_MARGIN = 5

_OF_STATE: Final = (
    "orchestrator_core.broker.build",
    "orchestrator_core.state.open",
    "orchestrator_core.state.plugin_state",
    "orchestrator_core.state.same_database",
)
_OF_SQLITE: Final = ("sqlalchemy.dialects.sqlite.pysqlite",)
_OF_POSTGRESQL: Final = (
    "sqlalchemy.dialects.postgresql.psycopg",
    "orchestrator_core.state.postgresql",
)
"""Modules that SQLAlchemy and the core import only when they connect."""


def server_settings() -> ServerSettings:
    """Return ``[server]``; end the process with a clear message if the settings are wrong."""
    try:
        return current().server
    except OrchestratorError as error:
        sys.exit(redact(f"orchestrator: {error.message}"))


def graceful_timeout() -> int:
    """Return the seconds that a stopping worker may take to finish the requests in flight.

    Without a setting this is the longest deadline of any operation plus 5 s. A start that is
    interrupted would leave an unknown VM.
    """
    settings = current()
    return settings.server.graceful_timeout or int(max(_deadlines(settings))) + _MARGIN


def _deadlines(settings: Settings) -> list[float]:
    given = [section.deadlines for section in settings.clouds.values()]
    given += [section.deadlines for section in settings.assignments.values()]
    tables = [*given, CLOUD_DEADLINES, ASSIGNMENT_DEADLINES]
    return [seconds for table in tables for seconds in table.values()]


def on_starting(arbiter: Any) -> None:
    """Check everything before the first address is bound, then guard the master and its reload."""
    faults = list(_faults_of_machine(arbiter))
    _import(_modules_of_state(current()))
    try:
        # The check takes about as long as the imports, so they share the time on two processors.
        with checked_apart(current()):
            if not faults:
                wipe(run_directory() / FOLDER)
                _import_for_all_workers()
    except OrchestratorError as error:
        faults.append(error.message)
    if faults:
        sys.exit(redact("\n".join(f"orchestrator: {fault}" for fault in faults)))
    note_server(current())
    warn_of_plain_tokens(current(), arbiter.cfg.address, arbiter.log)
    _stop_to_the_end(arbiter)
    guard_master(arbiter)
    supervisor = supervise(arbiter, graceful_timeout())
    announcer = announce(arbiter, Notifier.take(), supervisor, graceful_timeout())

    def look() -> None:
        supervisor.look()
        announcer.look()

    guard_reload(arbiter, supervisor.renew, look)
    reload: Callable[[], None] = arbiter.handle_hup
    arbiter.handle_hup = lambda: announcer.around_reload(reload)


def _faults_of_machine(arbiter: Any) -> Iterator[str]:
    """Take what the server needs from this machine; return why parts of it cannot be had."""
    settings, addresses = current(), arbiter.cfg.address
    takes: tuple[Callable[[], object], ...] = (
        lambda: check_binding(settings, addresses),
        lambda: tls.keep(tls.make_context(settings)),
        lambda: None if are_handed() else try_addresses(addresses, held=()),
        lambda: metrics_address.keep(metrics_address.prepare(settings, addresses), arbiter.log),
        check_run_directory,
    )
    return faults_of(takes)


def when_ready(arbiter: Any) -> None:
    """Record the addresses and log commands to try: the server listens now."""
    note_server(current(), addresses=[str(listener) for listener in arbiter.LISTENERS])
    greet(arbiter)


def _import_for_all_workers() -> None:
    """Import the modules that every worker needs before the first fork.

    A worker that replaces a dead one is then ready sooner. All workers also run the same core, even
    if another version is installed meanwhile. Each worker imports the plugins itself, so that a
    reload uses their new versions.
    """
    core_version()
    _import(("orchestrator_core.app",))
    if current().metrics.enabled:
        _import(("orchestrator_core.metrics.recording",))


def _modules_of_state(settings: Settings) -> tuple[str, ...]:
    """Return the modules for a database, which the check of the settings needs too."""
    if settings.state is None:
        return ()
    postgresql = settings.state.url.reveal().startswith("postgresql")
    return (*_OF_STATE, *(_OF_POSTGRESQL if postgresql else _OF_SQLITE))


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        with suppress(ImportError):  # the worker reports what is missing
            import_module(name)


def _stop_to_the_end(arbiter: Any) -> None:
    """Continue the stop when several workers fail at once.

    Gunicorn stops when the first worker cannot load the application. If it sees the failure of a
    second worker during that stop, it would break off with a stack trace.
    """
    stop: Callable[[bool], None] = arbiter.stop

    def stop_to_the_end(graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's own
        with suppress(HaltServer):
            return stop(graceful)
        return stop_to_the_end(graceful)

    arbiter.stop = stop_to_the_end
