"""The settings that this server runs with, read once by its first process.

Workers that gunicorn forks later, because one died say, get what their parent had read, and
not whatever half-edited file lies on the disk by then.
"""

from __future__ import annotations

from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings


class _Snapshot:
    settings: Settings | None = None
    generation: int = 0


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


def generation() -> int:
    """How many times settings were put in force."""
    return _Snapshot.generation
