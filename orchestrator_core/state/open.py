"""Opens the database that the settings name."""

from __future__ import annotations

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.faults import settings_error
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import base_directory
from orchestrator_core.state.database import Database


def open_database(settings: Settings) -> Database:
    """Return the database of ``[state]``.

    Raises:
        SettingsError: when there is none, or it cannot be used.
    """
    if settings.state is None:
        raise settings_error(
            [(("state",), 'is missing; url = "sqlite:///var/orchestrator.db" would be one')],
            settings.file,
            settings.origins,
        )
    try:
        return Database(settings.state.url.reveal(), base_directory(settings.file))
    except (SettingsError, ValueError) as error:
        fault = (("state", "url"), str(error))
        raise settings_error([fault], settings.file, settings.origins) from None
