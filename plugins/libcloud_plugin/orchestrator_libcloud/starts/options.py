"""The checks of ``options``: arguments of a driver's ``create_node`` from settings or callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidParameter

Kinds = Mapping[str, type]
"""An option's name to the Python type of its JSON value."""

_WORDS: Final = {
    str: "text",
    bool: "a boolean",
    int: "a whole number",
    list: "a list",
    dict: "an object",
}


def checked(options: Mapping[str, Any], kinds: Kinds) -> dict[str, Any]:
    """Return options after checking the types of their values.

    Raises:
        InvalidParameter: a value has the wrong type, or an option is unknown.
    """
    for name, value in options.items():
        if name not in kinds:
            raise InvalidParameter("options", f"{name!r} is not one of {', '.join(sorted(kinds))}")
        if type(value) is not kinds[name]:
            raise InvalidParameter("options", f"{name!r} must be {_WORDS[kinds[name]]}")
    return dict(options)
