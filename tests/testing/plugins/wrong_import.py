"""A plugin that imports private names of the core, which may change in any version."""

from __future__ import annotations

from good_extension import GoodExtension
from orchestrator_core.errors import SettingsError


class ImportsWhatIsPrivate(GoodExtension):
    breaks, says = "S9", "orchestrator_core.errors.SettingsError"
    wrong = SettingsError
