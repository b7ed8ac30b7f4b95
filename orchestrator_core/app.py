"""The application, made from settings, plugins, clouds, broker and API."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from orchestrator_core import running, temporary_folder
from orchestrator_core.api.application import Application, build_application
from orchestrator_core.api.services import Services
from orchestrator_core.broker.base import Broker
from orchestrator_core.broker.direct import DirectBroker
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.clouds.build import build
from orchestrator_core.clouds.extensions import Extensions
from orchestrator_core.clouds.host_environment import HostEnvironment
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.log import configure_logging
from orchestrator_core.plugins.loader import Plugins, load_used_plugins
from orchestrator_core.plugins.record import State
from orchestrator_core.run_directory import run_directory
from orchestrator_core.settings import kept_files
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.secrets import open_files
from orchestrator_core.settings.snapshot import current, proven, reload_number

_log = structlog.get_logger("orchestrator")


def create_app(settings: Settings | None = None) -> Application:
    """Return the ASGI application.

    Args:
        settings: the settings; by default those of the file that ``ORCHESTRATOR_CONFIG`` names.

    Raises:
        SettingsError: when the settings are wrong.
        PluginError: when a plugin that they require is missing.
    """
    if settings is None:
        settings = current()
    configure_logging(settings.server)
    components = make_components(settings, "web", lenient=proven())
    components.note("web")
    if _is_first(run_directory()):
        sweep()
        if not running.is_noted():  # by gunicorn's first process; another server has none of ours
            parent = multiprocessing.parent_process()
            pid = None if parent is None else parent.pid
            running.note_server(settings, kind="asgi_server", pid=pid)
        _report(components.plugins, components.registry)
    return build_application(
        Services(
            settings,
            components.plugins,
            components.registry,
            components.extensions,
            components.broker,
        )
    )


@dataclass(frozen=True, slots=True)
class Components:
    """The objects below the API that a process works with."""

    plugins: Plugins
    registry: Registry
    extensions: Extensions
    broker: Broker

    def note(self, kind: str) -> None:
        """Record which versions this process has loaded.

        Args:
            kind: the kind of the process: ``web`` or ``worker``.
        """
        loaded = [one for one in self.plugins.records if one.state is State.LOADED]
        running.note_process(kind, {one.distribution: one.version for one in loaded})


def make_components(
    settings: Settings,
    kind: str,
    plugins: Plugins | None = None,
    directory: Path | None = None,
    *,
    lenient: bool = False,
) -> Components:
    """Return the objects that a process needs to work on clouds.

    Args:
        settings: the settings of the server.
        kind: the kind of the process: ``web``, ``worker`` or ``command``.
        plugins: the plugins that are already loaded; by default they are found and loaded here.
        directory: the run directory; by default that of this process.
        lenient: whether the settings have worked once. A cloud whose plugin or file is missing now
            is then unavailable, and the other clouds are served.

    Raises:
        SettingsError: when the settings are wrong, or the database needs an upgrade.
        PluginError: when a plugin that they require is missing.
    """
    plugins = plugins or load_used_plugins(settings)
    directory = directory or run_directory()
    if settings.metrics.enabled:
        # prometheus-client is loaded only if it is used.
        from orchestrator_core.metrics.recording import record  # noqa: PLC0415

        record(directory)
    if settings.traces.enabled:
        # OpenTelemetry, too.
        from orchestrator_core.traces.provider import begin  # noqa: PLC0415

        begin(settings.traces)
    inventory = CloudInventory()
    if settings.state is None:
        host = HostEnvironment(directory, inventory)
        registry, extensions = build(settings, plugins, host, lenient=lenient)
        _log_stale_files()
        return Components(plugins, registry, extensions, DirectBroker(registry))
    # SQLAlchemy is loaded only if a database is used.
    from orchestrator_core.broker.build import build_durable, prepare_entry  # noqa: PLC0415
    from orchestrator_core.state.open import open_database  # noqa: PLC0415
    from orchestrator_core.state.plugin_state import PluginState  # noqa: PLC0415

    database = open_database(settings)
    entry = prepare_entry(settings.state, database, directory, plugins.used(settings), kind)
    entry.check()
    plugins.require(settings.plugins.require)
    host = HostEnvironment(directory, inventory, PluginState(database))
    registry, extensions = build(settings, plugins, host, lenient=lenient)
    if entry.is_late and extensions.has_failed:
        raise StateUnavailable  # no service without the extensions; the worker tries again
    broker = build_durable(settings.state, database, registry, inventory, entry)
    _log_stale_files()
    return Components(plugins, registry, extensions, broker)


def sweep() -> None:
    """Remove the temporary folders that killed servers and commands of this user have left."""
    for path in temporary_folder.sweep():
        _log.info("folder of a killed process removed", folder=str(path))


def _log_stale_files() -> None:
    for path in sorted(kept_files.stale):
        _log.warning("unreadable file; its previous content is used", file=str(path))


def _is_first(directory: Path) -> bool:
    """Return whether this is the first process with these settings; only that one reports."""
    try:
        path = directory / f"reported-{reload_number()}"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:  # it exists, or cannot be created: the server must start anyway
        return False
    return True


def _report(plugins: Plugins, registry: Registry) -> None:
    for path in sorted(open_files):
        _log.warning(
            "file with a secret is readable by every user", file=str(path), help=f"chmod 600 {path}"
        )
    for record in plugins.records:
        for what in record.warnings:
            _log.warning("plugin is installed incorrectly", plugin=record.label, what=what)
        if record.state is State.LOADED:
            _log.info("plugin loaded", plugin=record.label, hooks=len(record.hooks))
            for what in record.deprecations:
                _log.warning("plugin uses a deprecated name", plugin=record.label, what=what)
        elif record.state is State.FOUND:
            _log.info("plugin not used", plugin=record.label)
        else:
            _log.warning(
                f"plugin {record.state.value}",
                plugin=record.label,
                stage=record.stage,
                why=record.message,
            )
    for cloud in registry.clouds.values():
        if cloud.failure:
            _log.error("cloud not available", cloud=cloud.name, why=cloud.failure)
        never = registry.reason_against_destroying(cloud)
        if never is not None:
            _log.warning("every stop and release is refused", why=f"cloud {cloud.name} {never}")
    if not registry.clouds:
        _log.warning(
            "no cloud is configured; every request to a cloud is answered with an error",
            help="pip install vm-orchestrator-dummy, then run `orchestrator init DIR` and "
            "`orchestrator serve --config DIR/orchestrator.toml`",
        )
