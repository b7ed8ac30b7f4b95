"""The settings that this server runs with, read once by its first process.

Workers that gunicorn forks later, for example because one died, use the settings that their parent
had read. They do not read the file, which may be half-edited by then.
"""

from __future__ import annotations

from orchestrator_core.settings import kept_files
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import base_directory


class _Snapshot:
    settings: Settings | None = None
    reload_number: int = 0
    proven: bool = False


def current() -> Settings:
    """Return the settings in force; read them on the first call.

    Raises:
        SettingsError: when they are wrong.
    """
    if _Snapshot.settings is None:
        take(load_settings())
    assert _Snapshot.settings is not None
    return _Snapshot.settings


def taken() -> bool:
    """Return whether settings are already in force."""
    return _Snapshot.settings is not None


def take(settings: Settings) -> None:
    """Put these settings in force for all workers that start from now on."""
    _Snapshot.settings = settings
    _Snapshot.reload_number += 1
    base = base_directory(settings.file)
    for sections in (settings.clouds, settings.assignments, settings.extensions):
        for section in sections.values():
            kept_files.keep(section.plugin, base)


def reload_number() -> int:
    """Return how many times settings have been put in force."""
    return _Snapshot.reload_number


def prove() -> None:
    """Note that this server has served with the settings in force, or has tried them."""
    _Snapshot.proven = True


def proven() -> bool:
    """Return whether the settings in force have worked once.

    If they have, a later fault is in a file or a plugin.
    """
    return _Snapshot.proven
