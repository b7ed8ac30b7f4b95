"""The settings that this server runs with, read once by its first process.

Workers that gunicorn forks later, because one died say, get what their parent had read, and
not whatever half-edited file lies on the disk by then.
"""

from __future__ import annotations

from orchestrator_core.settings import kept_files
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import base_directory


class _Snapshot:
    settings: Settings | None = None
    generation: int = 0
    proven: bool = False


def current() -> Settings:
    """Return the settings in force; read them if nobody has yet.

    Raises:
        SettingsError: when they are wrong.
    """
    if _Snapshot.settings is None:
        take(load_settings())
    assert _Snapshot.settings is not None
    return _Snapshot.settings


def taken() -> bool:
    """Whether settings are in force already."""
    return _Snapshot.settings is not None


def take(settings: Settings) -> None:
    """Put these settings in force for all workers that start from now on."""
    _Snapshot.settings = settings
    _Snapshot.generation += 1
    base = base_directory(settings.file)
    for sections in (settings.clouds, settings.assignments, settings.extensions):
        for section in sections.values():
            kept_files.keep(section.plugin, base)


def generation() -> int:
    """How many times settings were put in force."""
    return _Snapshot.generation


def prove() -> None:
    """Say that this server has served with the settings in force, or has tried them."""
    _Snapshot.proven = True


def proven() -> bool:
    """Whether the settings in force were good once: what is wrong now is a file or a plugin."""
    return _Snapshot.proven
