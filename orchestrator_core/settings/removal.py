"""The refusal of new settings that lack a section, as an empty or half-written file does."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.model import Settings


def check_removal(old: Settings, new: Settings) -> None:
    """Refuse new settings without authentication, without a database or without any cloud.

    A file that an editor has just emptied or half written is valid TOML. To remove a section on
    purpose, the new file has to name it in ``allow_removal``.

    Args:
        old: the settings in force.
        new: the settings to use from now on.

    Raises:
        SettingsError: naming the missing sections and the key that allows it.
    """
    missing = [section for section in _removed(old, new) if section not in new.allow_removal]
    if missing:
        sections = ", ".join(f"[{section}]" for section in missing)
        allowed = ", ".join(f'"{section}"' for section in missing)
        raise SettingsError(
            f"{new.file or 'settings'}: {sections} would be removed from the settings in force; "
            "check that the file is complete. To remove them on purpose, add "
            f"allow_removal = [{allowed}] to the file"
        )


def _removed(old: Settings, new: Settings) -> Iterator[str]:
    if old.auth.mode == "token" and new.auth.mode != "token":
        yield "auth"
    if old.state is not None and new.state is None:
        yield "state"
    if old.clouds and not new.clouds:
        yield "clouds"
