"""Creation of the configured clouds and backends from the settings and loaded plugins."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, TypeVar

import structlog
from marshmallow import Schema, ValidationError

from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.defaults import with_defaults
from orchestrator_core.clouds.extensions import Extension, Extensions
from orchestrator_core.clouds.host_environment import HostEnvironment
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, PluginError, SettingsError
from orchestrator_core.plugins.contract import settings_schema
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.loader import Plugins
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.plugins.spoken import Spoken
from orchestrator_core.redaction import Endpoint
from orchestrator_core.settings.faults import Fault, faults, merged, nearest, settings_error
from orchestrator_core.settings.load import load_section
from orchestrator_core.settings.model import (
    AssignmentSettings,
    CloudSettings,
    ExtensionSettings,
    Settings,
)

_log = structlog.get_logger(__name__)

_Section = CloudSettings | AssignmentSettings | ExtensionSettings
_S = TypeVar("_S", CloudSettings, AssignmentSettings, ExtensionSettings)

_TITLES = {Kind.CLOUD: "Cloud", Kind.ASSIGNMENT: "Backend", Kind.EXTENSION: "Extension"}


def build(
    settings: Settings, plugins: Plugins, host: HostEnvironment, *, lenient: bool = False
) -> tuple[Registry, Extensions]:
    """Create every configured cloud, backend and extension.

    If a plugin did not load, or its object cannot be created, only its clouds are unavailable.

    Args:
        settings: the settings of the server.
        plugins: the plugins that were found.
        host: the environment that is passed to plugins.
        lenient: whether the settings were valid before. A section that is invalid now, because its
            file or its plugin is missing, then makes only its cloud unavailable until the missing
            part is back.

    Raises:
        SettingsError: naming every plugin that is not installed and every key that a plugin's own
            schema does not accept.
    """
    settings = with_defaults(settings, plugins)
    builder = _Builder(settings, plugins, host, lenient=lenient)
    clouds = [
        Cloud(section, handle) for section, handle in builder.make(Kind.CLOUD, settings.clouds)
    ]
    backends = [
        Backend(section, handle)
        for section, handle in builder.make(Kind.ASSIGNMENT, settings.assignments)
    ]
    extensions = [
        Extension(section, handle.current, handle.failure)
        for section, handle in builder.make(Kind.EXTENSION, settings.extensions)
    ]
    if builder.wrong:
        raise merged(builder.wrong, settings.file, settings.origins)
    has_state = settings.state is not None
    registry = Registry(clouds, backends, settings.default_cloud, has_state=has_state)
    return registry, Extensions(extensions)


@functools.cache
def _schema(factory: Any) -> Schema:
    """Return one schema for all clouds of a plugin.

    Creating a schema takes as long as loading a section with it.
    """
    schema: Schema = settings_schema(factory)()
    return schema


class _Builder:
    def __init__(
        self, settings: Settings, plugins: Plugins, host: HostEnvironment, *, lenient: bool
    ) -> None:
        self._lenient = lenient
        self._settings = settings
        self._plugins = plugins
        self._host = host
        self.wrong: list[SettingsError] = []

    def make(self, kind: Kind, sections: Mapping[str, _S]) -> list[tuple[_S, PluginHandle]]:
        """Return each section with the handle of its plugin's object, or of the failure."""
        made: list[tuple[_S, PluginHandle]] = []
        for section in sections.values():
            try:
                handle = self._one(kind, section)
            except SettingsError as error:
                # Nothing may be served without an extension. The error is therefore raised, and
                # the worker tries again.
                if self._lenient and kind is not Kind.EXTENSION:
                    made.append((section, self._later(kind, section, error)))
                else:
                    self.wrong.append(error)
            else:
                made.append((section, handle))
        return made

    def _later(self, kind: Kind, section: _Section, error: OrchestratorError) -> PluginHandle:
        """Return a handle without a plugin's object; the object is created once it can be."""
        table, _, _ = _names(section)
        _log.error("plugin not available", of=f"{table}.{section.name}", why=error.message)

        def make() -> Hooks:
            self._plugins.find_again(self._settings)
            return self._one(kind, section).hooks(f"{_TITLES[kind]} {section.name}")

        return PluginHandle(None, "its plugin, or a file that it needs, is missing", make=make)

    def _one(self, kind: Kind, section: _Section) -> PluginHandle:
        table, key, plugin_name = _names(section)
        path = (table, section.name)
        record = self._plugins.get(kind, plugin_name)
        if record is None:
            raise self._not_installed(kind, (*path, key), plugin_name)
        if record.state is not State.LOADED:
            _log.error("plugin not available", of=".".join(path), why=record.message)
            is_away = record.state is State.FAILED and record.stage != "migrations"
            if self._lenient and is_away:
                raise SettingsError(f"[{table}.{section.name}]: {_unusable(record)}")
            return PluginHandle(None, _unusable(record))

        def construct() -> Hooks:
            return self._construct(record, section, path, (key, *_core_keys(section)))

        try:
            return PluginHandle(construct(), make=construct)
        except SettingsError:
            raise
        except OrchestratorError as error:
            return PluginHandle(None, error.message, make=construct)

    def _construct(
        self, record: PluginRecord, section: _Section, path: tuple[str, str], known: tuple[str, ...]
    ) -> Hooks:
        """Check the plugin's settings and create its object, with the plugin's own code.

        Raises:
            OrchestratorError: in place of any error that the plugin raises.
        """
        name = section.name
        title = f"{_TITLES[record.kind]} {name}"
        endpoint = Endpoint.of(section.plugin)
        try:
            schema = _schema(record.factory)
            own = load_section(schema, section.plugin, self._settings, path, known)
            endpoint = Endpoint.of({"given": section.plugin, "loaded": own})
            plugin = record.factory(self._host.context(record.kind, name), own)
            return Hooks(record.kind, title, plugin, endpoint)
        except (SettingsError, KeyboardInterrupt):
            raise
        except OrchestratorError as error:
            raise Spoken(title, endpoint).clean(error, "__init__", {}) from error.__cause__
        except ValidationError as error:
            # Raised by the constructor, which knows more than the schema: for example, whether the
            # server has a [state].
            found = faults(error.messages, None, path)
            raise settings_error(found, self._settings.file, self._settings.origins) from None
        except ModuleNotFoundError as error:
            raise self._lacks(record, (*path, known[0]), error) from None
        except BaseException as error:  # noqa: BLE001 - one plugin must not stop the others
            _log.exception("plugin could not be set up", of=".".join(path))
            raise PluginError(
                f"its plugin {record.name} could not be set up ({type(error).__name__})"
            ) from None

    def _lacks(
        self, record: PluginRecord, path: tuple[str, ...], error: ModuleNotFoundError
    ) -> SettingsError:
        """Return the error about a plugin whose own packages are not installed."""
        package = record.distribution or f"vm-orchestrator-{record.name}"
        why = (
            f'the plugin "{record.name}" needs the Python module {error.name}, which is not '
            f"installed; install it, for example with pip install {package}"
        )
        return settings_error([(path, why)], self._settings.file, self._settings.origins)

    def _not_installed(self, kind: Kind, path: tuple[str, ...], name: str) -> SettingsError:
        installed = self._plugins.names(kind)
        have = f"installed: {', '.join(installed)}" if installed else "none is installed"
        package = f"vm-orchestrator-{name}"
        near = nearest(name, installed)
        # A mistyped name may be that of a stranger's package.
        install = "" if near else f"; install it, for example with pip install {package}"
        fault: Fault = path, f'no installed plugin is named "{name}"{near} ({have}){install}'
        return settings_error([fault], self._settings.file, self._settings.origins)


def _unusable(record: PluginRecord) -> str:
    """Return why a plugin is not used, with details if an operator can fix it at once."""
    why = f": {record.message}" if record.stage == "migrations" else ""
    return f"its plugin {record.name} is {record.state.value}{why}"


def _names(section: _Section) -> tuple[str, str, str]:
    if isinstance(section, CloudSettings):
        return "clouds", "driver", section.driver
    if isinstance(section, ExtensionSettings):
        return "extensions", "extension", section.extension
    return "assignments", "backend", section.backend


def _core_keys(section: _Section) -> tuple[str, ...]:
    return tuple(k for k in type(section).__dataclass_fields__ if k not in ("name", "plugin"))
