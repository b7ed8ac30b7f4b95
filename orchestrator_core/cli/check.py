"""``orchestrator check``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from orchestrator_core.api.auth import Authenticator
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.clouds.build import build
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.clouds.surroundings import Surroundings
from orchestrator_core.context import State
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.log import configure_logging
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings


@dataclass(frozen=True, slots=True)
class _Finding:
    name: str
    plugin: str
    verdict: str
    seconds: float | None
    ok: bool


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Try to reach each cloud and assignment backend.")
@click.option("--quiet", is_flag=True, help="Say only what is wrong.")
@with_clear_errors
def check(config: Path | None, *, connect: bool, quiet: bool) -> None:
    """Check the settings, load the plugins, and with --connect try each cloud."""
    settings = load_settings(config)
    configure_logging(settings.server)
    plugins = load_plugins(settings.plugins)
    Authenticator(settings.auth)
    with (
        tempfile.TemporaryDirectory(prefix="orchestrator-check-") as directory,
        _state(settings) as state,
    ):
        surroundings = Surroundings(Path(directory), CloudInventory(), state)
        registry, _extensions = build(settings, plugins, surroundings)
        findings = asyncio.run(_findings(registry, connect=connect))
    if not quiet:
        Console(soft_wrap=True).print(_table(findings))
        click.echo(f"{settings.file or 'The built-in defaults'}: valid")
    if connect and not all(finding.ok for finding in findings):
        sys.exit(1)


@contextmanager
def _state(settings: Settings) -> Iterator[State | None]:
    """The database for plugins that want one; nothing is done with it here."""
    if settings.state is None:
        yield None
        return
    from orchestrator_core.state.open import open_database  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.state.plugin_state import PluginState  # noqa: PLC0415

    database = open_database(settings)
    try:
        yield PluginState(database)
    finally:
        database.close()


async def _findings(registry: Registry, *, connect: bool) -> list[_Finding]:
    clouds = [
        _finding(cloud.name, cloud.settings.driver, cloud.failure, cloud.check, connect=connect)
        for cloud in registry.clouds.values()
    ]
    backends = [
        _finding(
            backend.name, backend.settings.backend, backend.failure, backend.check, connect=connect
        )
        for backend in registry.backends.values()
    ]
    findings = await asyncio.gather(*clouds, *backends)
    await registry.close()
    return findings


async def _finding(
    name: str, plugin: str, failure: str, reach: Callable[[], Awaitable[None]], *, connect: bool
) -> _Finding:
    if failure or not connect:
        return _Finding(name, plugin, failure or "ready", None, not failure)
    begun = time.monotonic()
    try:
        await reach()
    except OrchestratorError as error:
        return _Finding(name, plugin, error.message, time.monotonic() - begun, ok=False)
    return _Finding(name, plugin, "reached", time.monotonic() - begun, ok=True)


def _table(findings: list[_Finding]) -> Table:
    table = Table("Cloud or backend", "Plugin", "Result", "Seconds")
    for finding in findings:
        seconds = "" if finding.seconds is None else f"{finding.seconds:.2f}"
        table.add_row(finding.name, finding.plugin, finding.verdict, seconds)
    return table
