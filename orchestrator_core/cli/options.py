"""Options and errors that several subcommands share."""

from __future__ import annotations

import functools
import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import rich_click as click

from orchestrator_core.broker.operations.operation import Requester
from orchestrator_core.errors import OrchestratorError, StateUnavailable
from orchestrator_core.log import configure_logging
from orchestrator_core.redaction import redact
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.source import FILE_VARIABLE

if TYPE_CHECKING:  # it needs SQLAlchemy, which most commands do not
    from orchestrator_core.state.database import Database

P = ParamSpec("P")
R = TypeVar("R")

config_option = click.option(
    "--config",
    # click does not check that the file can be read: load_settings() does, and its message names
    # the file's owner.
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    envvar=FILE_VARIABLE,
    show_envvar=True,
    help="The settings file. Without one the defaults apply, which configure no cloud.",
)


@contextmanager
def opened_as_it_is(config: Path | None) -> Iterator[Database]:
    """Open the database of the settings without a check of its schema; close it at the end."""
    from orchestrator_core.state.open import open_database  # noqa: PLC0415 - needs SQLAlchemy

    settings = load_settings(config)
    configure_logging(settings.server)
    database = open_database(settings, logs_failures=False)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened(config: Path | None) -> Iterator[Database]:
    """Open the database of the settings and check its schema; close it at the end.

    Raises:
        SettingsError: The database is empty, or this version cannot use it; the message says what
            to do.
    """
    from orchestrator_core.state.open import check_ready  # noqa: PLC0415 - needs SQLAlchemy

    with opened_as_it_is(config) as database:
        check_ready(database)
        yield database


def operator() -> Requester:
    """Return the requester to record for a command: the operating system's user."""
    return Requester(f"operator:{getpass.getuser()}", "command-line")


def with_clear_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command: print the message of a domain error and exit with status 1."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OrchestratorError as error:
            # Plain text: a message in a drawn box cannot be searched in a log.
            why = error.reason if isinstance(error, StateUnavailable) else ""
            click.echo(redact(f"orchestrator: {why or error.message}"), err=True)
            sys.exit(1)

    return wrapper
