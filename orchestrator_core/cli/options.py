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
    # Whether it can be read is told where it is read, with its owner.
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    envvar=FILE_VARIABLE,
    show_envvar=True,
    help="The settings file; without it the built-in defaults hold, which configure no cloud.",
)


@contextmanager
def opened_as_it_is(config: Path | None) -> Iterator[Database]:
    """The database that the settings name, whatever its schema, or if it has none."""
    from orchestrator_core.state.open import open_database  # noqa: PLC0415 - needs SQLAlchemy

    settings = load_settings(config)
    configure_logging(settings.server)
    database = open_database(settings)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened(config: Path | None) -> Iterator[Database]:
    """The database that the settings name, for as long as a command needs it.

    Raises:
        SettingsError: when it is empty, or this version cannot work on it, with what to do.
    """
    from orchestrator_core.state.open import check_ready  # noqa: PLC0415 - needs SQLAlchemy

    with opened_as_it_is(config) as database:
        check_ready(database)
        yield database


def operator() -> Requester:
    """Return who types a command, as the records name them."""
    return Requester(f"operator:{getpass.getuser()}", "command-line")


def with_clear_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an error of ours into its message and exit status 1."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OrchestratorError as error:
            # Plain: a box drawn around it could not be searched in a log.
            why = error.reason if isinstance(error, StateUnavailable) else ""
            click.echo(redact(f"orchestrator: {why or error.message}"), err=True)
            sys.exit(1)

    return wrapper
