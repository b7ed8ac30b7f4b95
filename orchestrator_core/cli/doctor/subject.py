"""The installation that the doctor examines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.cli.doctor.findings import Finding, problem
from orchestrator_core.cli.doctor.servers import RunningServer, running_servers
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, SettingsError
from orchestrator_core.log import configure_logging, for_commands
from orchestrator_core.server.parts import made
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings

if TYPE_CHECKING:
    from orchestrator_core.state.database import Database


@dataclass(frozen=True, slots=True)
class Subject:
    """The settings, what they describe, and the servers that run with them.

    Attributes:
        file: the settings file; None for the built-in defaults.
        settings: the settings; the built-in defaults if the file cannot be used.
        servers: the running servers with this file.
        registry: the clouds and backends; None if they cannot be made.
        database: the database; None without one that can be opened.
        usable: whether the database can be read and has a schema that this version knows.
        findings: the faults of the settings themselves.
        others: the running servers with other files.
    """

    file: Path | None
    settings: Settings
    servers: Sequence[RunningServer]
    registry: Registry | None = None
    database: Database | None = None
    usable: bool = False
    findings: tuple[Finding, ...] = ()
    others: Sequence[RunningServer] = ()

    @property
    def config(self) -> str:
        """The option of commands that names the settings file."""
        return f" --config {self.file}" if self.file is not None else ""

    @property
    def readable(self) -> Database | None:
        """The database, if it can be read."""
        return self.database if self.usable else None


def look_at(config: Path | None, stack: ExitStack) -> Subject:
    """Load the settings and open what they describe, until the stack is closed.

    Args:
        config: the settings file; None for that of the environment.
        stack: the stack that closes the database.
    """
    try:
        settings = load_settings(config)
    except SettingsError as error:
        file = None if config is None else config.resolve()
        servers, others = _by_file(file)
        refused = _refused(error, file, servers)
        return Subject(file, Settings(), servers, findings=(refused,), others=others)
    file = None if settings.file is None else settings.file.resolve()
    configure_logging(for_commands(settings.server))
    servers, others = _by_file(file)
    subject = Subject(file, settings, servers, others=others)
    try:
        parts = stack.enter_context(made(settings))
    except OrchestratorError as error:
        return replace(subject, findings=(_refused(error, file, subject.servers),))
    database = parts.database
    usable = database is not None and _is_usable(database)
    return replace(subject, registry=parts.registry, database=database, usable=usable)


def _by_file(file: Path | None) -> tuple[list[RunningServer], list[RunningServer]]:
    """Return the running servers with this file, and those with others."""
    wanted = "" if file is None else str(file)
    servers = running_servers()
    own = [one for one in servers if one.file == wanted]
    return own, [one for one in servers if one.file != wanted]


def _is_usable(database: Database) -> bool:
    from orchestrator_core.state.open import check_ready  # noqa: PLC0415 - needs SQLAlchemy

    try:
        check_ready(database)
    except OrchestratorError:
        return False  # The examination of the database says why.
    return True


def _refused(
    error: OrchestratorError, file: Path | None, servers: Sequence[RunningServer]
) -> Finding:
    runs = "The running server keeps its settings, but no" if servers else "No"
    config = "" if file is None else f" --config {file}"
    return problem(
        "settings_refused",
        " ".join(error.message.split()),
        f"{runs} reload or start with these settings, and the variables set here, succeeds.",
        f"Correct them until this succeeds: orchestrator check{config}",
    )
