"""``orchestrator check``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.cli.reach import Attempt, reach_database, reach_plugins
from orchestrator_core.cli.start_check.options import StartOptions, start_options
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.clouds.start_fields import faults_of_settings
from orchestrator_core.errors import (
    InvalidAnswer,
    OrchestratorError,
)
from orchestrator_core.log import configure_logging, for_commands
from orchestrator_core.redaction import LEAST, redact
from orchestrator_core.run_directory import run_directory
from orchestrator_core.server.parts import check_run_directory, faults_of, load_and_explain, made
from orchestrator_core.server.trial import READY
from orchestrator_core.settings.exposure import short_secrets
from orchestrator_core.settings.model import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from orchestrator_core.state.database import Database


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Try to reach each cloud and assignment backend.")
@click.option("--quiet", is_flag=True, help="Print only faults.")
@click.option(
    "--reload",
    is_flag=True,
    hidden=True,
    help="Check that a running server can load these settings.",
)
@start_options
@with_clear_errors
def check(
    starts: StartOptions | None, config: Path | None, *, connect: bool, quiet: bool, reload: bool
) -> None:
    """Check the settings and load the plugins.

    The defaults of starts are compared with what each cloud takes. The database of [state] is
    opened and its schema is read in any case. A database that is away is a warning, because a
    server starts all the same and waits for it. With --connect, also reach each cloud and each
    assignment backend, and exit with status 1 if one of them or the database cannot be reached.
    With --start, also start one small VM on each cloud and destroy it.
    """
    settings = load_and_explain(config)
    configure_logging(for_commands(settings.server))
    # The server's first process has checked the machine before a reload.
    faults = [] if reload else list(_faults_of_machine(settings))
    for fault in faults:
        click.echo(redact(f"orchestrator: {fault}"), err=True)
    with made(settings) as parts:
        registry, database = parts.registry, parts.database
        if reload and database is not None:
            _check_reload(database)
        findings = []
        if database is not None:
            findings.append(reach_database(settings, database, connect=connect))
        found, wrong_starts = asyncio.run(_look(registry, connect=connect))
        findings += found
    _warn(settings, registry)
    failed = [finding for finding in findings if not finding.ok]
    for finding in failed:
        click.echo(redact(_sentence(finding, settings, connect=connect)), err=True)
    for fault in wrong_starts:
        # A reload takes them all the same, as a server that starts with them does.
        level = "warning: " if reload else ""
        click.echo(redact(f"orchestrator: {settings.file or 'settings'}: {level}{fault}"), err=True)
    if reload:
        click.echo(READY)
    elif wrong_starts or faults:
        sys.exit(1)
    if not quiet:
        # Imported here: the trial of a reload prints no table.
        from rich.console import Console  # noqa: PLC0415

        Console(soft_wrap=True, markup=False).print(_table(findings))
        but = f"; unusable now: {', '.join(one.section for one in failed)}" if failed else ""
        click.echo(f"{settings.file or 'The built-in defaults'}: valid{but}")
    if connect and failed:
        sys.exit(1)
    if starts is not None:
        _start(settings, starts)


def _sentence(finding: Attempt, settings: Settings, *, connect: bool) -> str:
    """Return why a part of the settings cannot be used, and what to do.

    Without ``connect`` it is a warning: a server with these settings starts.
    """
    level = "" if connect else "warning: "
    waits = ""
    if finding.section == "[state]" and not connect:
        waits = " (until then, a server that starts answers no request)"
    where = settings.file or "settings"
    return f"orchestrator: {where}: {level}{finding.section} {finding.fault}{waits}"


def _warn(settings: Settings, registry: Registry) -> None:
    for cloud in registry.clouds.values():
        reason = registry.reason_against_destroying(cloud)
        if reason is not None:
            where = settings.file or "settings"
            click.echo(f"orchestrator: {where}: warning: cloud {cloud.name} {reason}", err=True)
    for place in short_secrets(settings):
        click.echo(
            f"{place}: warning: fewer than {LEAST} characters; a secret this short is removed from "
            "messages and logs only if it is a whole value",
            err=True,
        )


def _start(settings: Settings, starts: StartOptions) -> None:
    from orchestrator_core.cli.start_check.run import check_starts  # noqa: PLC0415 - needs SQLAlchemy

    if not check_starts(settings, starts):
        sys.exit(1)


def _faults_of_machine(settings: Settings) -> Iterator[str]:
    """Return what keeps this machine from serving the settings, beside what is in them."""
    # Imported here: the trial of a reload does not need gunicorn.
    from gunicorn import util  # noqa: PLC0415

    from orchestrator_core.server import tls  # noqa: PLC0415
    from orchestrator_core.server.binding import check_binding  # noqa: PLC0415
    from orchestrator_core.server.listening import try_addresses  # noqa: PLC0415
    from orchestrator_core.server.metrics_address import try_metrics_address  # noqa: PLC0415

    server, metrics = settings.server.bind, settings.metrics.bind
    addresses = [util.parse_address(server)]
    checks: tuple[Callable[[], object], ...] = (
        check_run_directory,
        lambda: check_binding(settings, addresses),
        lambda: tls.make_context(settings),
        lambda: _try(server, lambda: try_addresses(addresses, held=())),
        lambda: _try(metrics, lambda: try_metrics_address(settings, addresses)),
    )
    return faults_of(checks)


def _try(bind: str | None, listen: Callable[[], None]) -> None:
    """Try to listen on an address.

    Raises:
        SettingsError: It cannot be used, and the reason is not that this server runs already.
    """
    from orchestrator_core.server.listening import AddressRefused  # noqa: PLC0415 - as above

    try:
        listen()
    except AddressRefused as error:
        if not error.in_use or (error.holder is not None and not error.holder.is_ours):
            raise
        is_known = error.holder is not None
        note = "a server runs there already" if is_known else f"warning: {error.message}"
        click.echo(f"orchestrator: {bind}: {note}", err=True)


def _check_reload(database: Database) -> None:
    """Check that new workers can use the database that the running ones use.

    Raises:
        SettingsError: They cannot; the message gives the reason.
    """
    from orchestrator_core.state import same_database  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state.open import check_ready  # noqa: PLC0415

    same_database.check_reload(database, run_directory())
    if not database.untouched:
        check_ready(database)


async def _look(registry: Registry, *, connect: bool) -> tuple[list[Attempt], list[str]]:
    """Return the findings, and the faults of the defaults of starts."""
    faults = [fault for cloud in registry.clouds.values() for fault in await _of_starts(cloud)]
    findings = await reach_plugins(registry, connect=connect)
    return findings, faults


async def _of_starts(cloud: Cloud) -> list[str]:
    """Return what is wrong with the defaults of a cloud's starts.

    Nothing is known of a cloud whose plugin cannot be used; its own finding tells the reason.
    """
    try:
        return faults_of_settings(cloud.settings, await cloud.start_fields())
    except InvalidAnswer as error:
        return [f"[clouds.{cloud.name}] start_fields: {error.message}"]
    except OrchestratorError:
        return []


def _table(findings: list[Attempt]) -> Table:
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table("Part", "Plugin", "Destroys", "Result", "Seconds")
    for finding in findings:
        seconds = "" if finding.seconds is None else f"{finding.seconds:.2f}"
        outcome = redact(finding.outcome)
        table.add_row(finding.name, finding.plugin, finding.destroy, outcome, seconds)
    return table
