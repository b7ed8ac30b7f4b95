"""A value that an environment variable gives to a setting: a text until the setting is known."""

from __future__ import annotations

import tomllib
from typing import Any


class EnvironmentText(str):
    """The text of a variable, which may be a text, a number, a list or a table.

    Which one is meant depends on the setting: ``12e10`` is a number of seconds, and the name of a
    tenant. The setting's schema decides (:mod:`orchestrator_core.settings.resolve`).
    """

    __slots__ = ()

    def parse(self) -> Any:
        """Return the value as TOML has it, or the text where it is no TOML."""
        try:
            parsed = tomllib.loads(f"value = {self}")
        except (tomllib.TOMLDecodeError, RecursionError):
            return str(self)
        return parsed["value"] if len(parsed) == 1 else str(self)  # else it went on with more keys

    def as_text(self) -> str:
        """Return the text; without its quotes where it is a TOML string."""
        parsed = self.parse()
        return parsed if isinstance(parsed, str) else str(self)

    def guess(self) -> Any:
        """Return the value where no schema tells its type.

        A number or a truth value is one only if it is written in the one usual way: ``12e10``,
        ``1_000`` and ``0x10`` stay texts, and so do dates.
        """
        parsed = self.parse()
        if isinstance(parsed, dict | list | str):
            return parsed
        usual = str(parsed).lower() if isinstance(parsed, bool) else repr(parsed)
        return parsed if usual == self and usual not in ("inf", "nan") else str(self)
