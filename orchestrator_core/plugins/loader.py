"""The plugins of this installation that the settings and the versions allow."""

from __future__ import annotations

import importlib
from collections.abc import Collection

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.discovery import CORE_DISTRIBUTION, discover
from orchestrator_core.plugins.manager import PluginManager
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.resources import core_version
from orchestrator_core.settings.model import PluginSettings, Settings
from orchestrator_core.settings.schema import GIVEN


class Plugins:
    """All plugins of this installation, loaded or not.

    Args:
        records: the records that :func:`load_plugins` makes.
    """

    def __init__(self, records: list[PluginRecord]) -> None:
        self.records = records

    def get(self, kind: Kind, name: str) -> PluginRecord | None:
        """Return the plugin of that name, the loaded one first; None if there is none."""
        found = [r for r in self.records if r.kind is kind and r.name == name]
        found.sort(key=lambda record: record.state is not State.LOADED)
        return found[0] if found else None

    def find_again(self, settings: Settings) -> None:
        """Add the plugins that could not be found or loaded before and can be loaded now."""
        importlib.invalidate_caches()
        kept = [r for r in self.records if r.state is State.LOADED or r.stage == "migrations"]
        known = {(record.kind, record.name) for record in kept}
        found = [
            one
            for one in _load(settings.plugins, _imports(settings))
            if (one.kind, one.name) not in known
        ]
        self.records[:] = [*kept, *found]

    def names(self, kind: Kind) -> list[str]:
        """Return every name that settings may use."""
        return sorted({record.name for record in self.records if record.kind is kind})

    def used(self, settings: Settings) -> list[PluginRecord]:
        """Return the plugins that the settings name, loaded or not, each once."""
        found = (self.get(kind, name) for kind, name in _names(settings))
        return [record for record in found if record is not None]

    def require(self, words: tuple[str, ...]) -> None:
        """Check that every plugin that these words name is loaded.

        Raises:
            PluginError: when one is not, with the reason.
        """
        _require(self.records, words)


def load_plugins(settings: PluginSettings) -> Plugins:
    """Find, filter, check and import every plugin; a failing plugin does not stop the others.

    Raises:
        PluginError: when a plugin that the settings require is not loaded.
    """
    plugins = Plugins(_load(settings))
    plugins.require(settings.require)
    return plugins


def load_used_plugins(settings: Settings) -> Plugins:
    """Do the same, but import only the plugins that the settings name; the others stay FOUND.

    A server neither waits for code that it does not use nor keeps it in memory.

    Raises:
        PluginError: when a plugin that the settings require is not loaded.
    """
    plugins = Plugins(_load(settings.plugins, _imports(settings)))
    plugins.require(settings.plugins.require)
    return plugins


def _names(settings: Settings) -> list[tuple[Kind, str]]:
    """Return the kinds and names of the plugins in the sections of the settings, each once."""
    named = [
        *((Kind.CLOUD, cloud.driver) for cloud in settings.clouds.values()),
        *((Kind.ASSIGNMENT, backend.backend) for backend in settings.assignments.values()),
        *((Kind.EXTENSION, one.extension) for one in settings.extensions.values()),
    ]
    return list(dict.fromkeys(named))


def _imports(settings: Settings) -> set[tuple[Kind, str]]:
    """Return the kinds and names of the plugins that a server with these settings may use."""
    default = [(Kind.ASSIGNMENT, GIVEN)] if settings.state is not None else []
    return {*_names(settings), *default}


def _load(
    settings: PluginSettings, names: Collection[tuple[Kind, str]] | None = None
) -> list[PluginRecord]:
    """Return a record of each installed plugin.

    Args:
        settings: the plugins that may and must load.
        names: the plugins to import beside those that must load; by default all.
    """
    records = discover()
    for record in records:
        _filter(record, settings)

    def is_used(record: PluginRecord) -> bool:
        is_named = names is None or (record.kind, record.name) in names
        return is_named or _named(record, settings.require)

    for kind in Kind:
        PluginManager(kind, [record for record in records if record.kind is kind], is_used)
    return records


def _named(record: PluginRecord, words: tuple[str, ...]) -> bool:
    return record.name in words or record.distribution in {
        str(canonicalize_name(word)) for word in words
    }


def _filter(record: PluginRecord, settings: PluginSettings) -> None:
    if _named(record, settings.deny):
        record.end(State.DISABLED, "settings", "denied by the settings")
    elif settings.allow is not None and not _named(record, settings.allow):
        record.end(State.DISABLED, "settings", "not in the settings' allow list")
    elif record.requires_core and not _core_fits(record.requires_core):
        record.end(
            State.INCOMPATIBLE,
            "version",
            f"needs {CORE_DISTRIBUTION} {record.requires_core}, {core_version()} is installed",
        )


def _core_fits(specifier: str) -> bool:
    return SpecifierSet(specifier).contains(core_version(), prereleases=True)


def _require(records: list[PluginRecord], required: tuple[str, ...]) -> None:
    missing = []
    for word in required:
        found = [record for record in records if _named(record, (word,))]
        # If several plugins claim a name, one loaded plugin is enough: the others were denied.
        there = {(r.kind, r.name) for r in found if r.state is State.LOADED and r.name == word}
        if not found:
            missing.append(f"{word}: not installed")
        missing += [
            f"{word}: {record.label} is {record.state.value} at {record.stage}: {record.message}"
            for record in found
            if record.state is not State.LOADED and (record.kind, record.name) not in there
        ]
    if missing:
        raise PluginError("A required plugin is missing:\n" + "\n".join(missing))
