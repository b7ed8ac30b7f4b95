"""The value of a setting from an environment variable: a text until the setting's type is known."""

from __future__ import annotations

import tomllib
from typing import Any


class EnvironmentText(str):
    """The text of a variable, which may stand for a text, a number, a list or a table.

    The meaning depends on the setting: ``12e10`` may be a number of seconds or the name of a
    tenant. The setting's schema decides (:mod:`orchestrator_core.settings.resolve`).
    """

    __slots__ = ()

    def parse(self) -> Any:
        """Return the value that TOML reads from the text, or the text if it is not TOML."""
        try:
            parsed = tomllib.loads(f"value = {self}")
        except (tomllib.TOMLDecodeError, RecursionError):
            return str(self)
        return parsed["value"] if len(parsed) == 1 else str(self)  # else the text has more keys

    def as_text(self) -> str:
        """Return the text, without its quotes if it is a TOML string."""
        parsed = self.parse()
        return parsed if isinstance(parsed, str) else str(self)

    def guess(self) -> Any:
        """Return the likely value when no schema defines its type.

        A number or a truth value is recognised only in its usual form. ``12e10``, ``1_000`` and
        ``0x10`` stay texts, and so do dates.
        """
        parsed = self.parse()
        if isinstance(parsed, dict | list | str):
            return parsed
        usual = str(parsed).lower() if isinstance(parsed, bool) else repr(parsed)
        return parsed if usual == self and usual not in ("inf", "nan") else str(self)
