"""The check of a server's plugins and database before it listens."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from orchestrator_core.api.auth import Authenticator
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.clouds.build import build
from orchestrator_core.clouds.host_environment import HostEnvironment
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.context import State
from orchestrator_core.errors import OrchestratorError, SettingsError, StateUnavailable
from orchestrator_core.log import configure_logging
from orchestrator_core.plugins.loader import load_used_plugins
from orchestrator_core.run_directory import VARIABLE
from orchestrator_core.settings.faults import SettingsFaults, merged, settings_error
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from orchestrator_core.temporary_folder import temporary_folder

if TYPE_CHECKING:  # it needs SQLAlchemy
    from orchestrator_core.state.database import Database

_SECONDS: Final = 60.0
_DATABASE_SECONDS: Final = 2
_PORTION: Final = 65536

_REFUSALS: Final = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
)
"""Parts of PostgreSQL's messages about a connection that fails until a person changes something.

libpq reports no SQLSTATE for a refused connection. In another language of the server the start goes
on and the workers keep trying, as they do while the database is away.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that settings describe, made for a check.

    Attributes:
        database: the database; None without ``[state]``.
        registry: the clouds and the backends.
    """

    database: Database | None
    registry: Registry


@contextmanager
def made(settings: Settings) -> Iterator[Parts]:
    """Make the parts of a server as its workers do, in a folder that is removed at the end.

    Raises:
        SettingsError: naming each fault by file and key.
    """
    plugins = load_used_plugins(settings)
    Authenticator(settings.auth)
    with _temporary_directory() as directory, _database(settings) as database:
        host = HostEnvironment(directory, CloudInventory(), _state(database))
        registry, _extensions = build(settings, plugins, host)
        yield Parts(database, registry)


def load_and_explain(file: Path | None) -> Settings:
    """Read and check the settings; tell the faults that plugins find together with the core's.

    Raises:
        SettingsError: naming each fault by file and key.
    """
    try:
        return load_settings(file)
    except SettingsFaults as error:
        rest = error.rest
        if rest is None:
            raise
        further = _faults_of_plugins(rest)
        raise merged([error, *further], rest.file, rest.origins) from None


def _faults_of_plugins(settings: Settings) -> list[SettingsFaults]:
    """Return what the plugins find in settings whose other part the core has refused."""
    configure_logging(settings.server)
    try:
        with made(settings):
            return []
    except SettingsFaults as error:
        return [error]
    except OrchestratorError:
        return []  # told once the other faults are mended


def faults_of(checks: Iterable[Callable[[], object]]) -> Iterator[str]:
    """Run every check; yield the messages of those that fail, so that all are told together."""
    for check in checks:
        try:
            check()
        except OrchestratorError as error:
            yield error.message


def check_run_directory() -> None:
    """Check that a run directory that the environment names can be used.

    Raises:
        SettingsError: It cannot; the message says why.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return
    try:
        with tempfile.TemporaryFile(dir=named):
            pass
    except OSError as error:
        why = (
            f"there is no folder {named}; create it"
            if isinstance(error, FileNotFoundError)
            else f"{named} is not a folder; name one"
            if isinstance(error, NotADirectoryError)
            else f"no file can be made in {named}: {error.strerror}; name a folder that this user "
            "may write to"
        )
        raise SettingsError(
            f"environment variable {VARIABLE}: {why}, or remove the variable"
        ) from None


def check_database(settings: Settings, database: Database) -> str:
    """Check that this code can work on a database; return why it cannot be reached now.

    Raises:
        SettingsError: The schema does not fit, or the database refuses these credentials.
    """
    from orchestrator_core.state import schema  # noqa: PLC0415 - needs SQLAlchemy

    if database.untouched:
        return ""
    try:
        if database.read_now(schema.current) is not None:
            database.read_now(schema.check)
    except StateUnavailable as error:
        why = error.reason or error.message
        if any(words in why for words in _REFUSALS):
            advice = f"{why}; correct [state] url, or create the user and the database it names"
            fault = (("state", "url"), advice)
            raise settings_error([fault], settings.file, settings.origins) from None
        return why
    return ""


@contextmanager
def checked_apart(settings: Settings) -> Iterator[None]:
    """Check plugins and database in a child process while this one runs the block.

    This process imports no plugin: the workers import the plugins themselves, and report what the
    check does not see.

    Raises:
        SettingsError: with the faults, at the end of the block.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _tell_faults(settings, writing)
    os.close(writing)
    with open(reading, "rb") as told:  # noqa: PTH123 - a descriptor has no path
        try:
            yield
            fault = _read_until_end(told)
        finally:
            os.kill(child, signal.SIGKILL)  # it has told all, has taken too long, or is unneeded
            os.waitpid(child, 0)
    if fault:
        raise SettingsError(fault.decode())


def _read_until_end(told: BinaryIO) -> bytes:
    """Return what the check writes until it ends or its time is over."""
    fault = b""
    while select.select([told], [], [], _SECONDS)[0]:
        part = os.read(told.fileno(), _PORTION)
        if not part:
            break
        fault += part
    return fault


def _tell_faults(settings: Settings, writing: int) -> None:
    """Write the faults of the settings to a pipe, and end this process."""
    try:
        silent = os.open(os.devnull, os.O_WRONLY)  # the workers log the same
        for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(silent, stream)
        with made(settings) as parts:
            if parts.database is not None:
                signal.signal(signal.SIGALRM, _give_up)  # the workers wait longer
                signal.alarm(_DATABASE_SECONDS)
                check_database(settings, parts.database)
    except StateUnavailable:
        pass  # the workers wait for it
    except OrchestratorError as error:
        os.write(writing, error.message.encode())
    except BaseException:  # noqa: BLE001, S110 - a worker shows it with its stack
        pass
    finally:
        os._exit(0)


def _give_up(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the check as an error does, so that its temporary folder is removed."""
    raise TimeoutError


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder("orchestrator-check-"))
        except OSError as error:
            raise SettingsError(
                f"no folder for temporary files can be used ({error.strerror}); set the "
                "environment variable TMPDIR to one that this user may write to"
            ) from None
        yield folder


@contextmanager
def _database(settings: Settings) -> Iterator[Database | None]:
    if settings.state is None:
        yield None
        return
    from orchestrator_core.state.open import open_database  # noqa: PLC0415 - needs SQLAlchemy

    database = open_database(settings, logs_failures=False)
    try:
        yield database
    finally:
        database.close()


def _state(database: Database | None) -> State | None:
    """Return the database for plugins that require one; nothing is read or written here."""
    if database is None:
        return None
    from orchestrator_core.state.plugin_state import PluginState  # noqa: PLC0415 - SQLAlchemy

    return PluginState(database)
