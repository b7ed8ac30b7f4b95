"""The core's marker on a node that it started: its form, and how it is hidden from callers."""

from __future__ import annotations

import re
from typing import Any, Final

from orchestrator_libcloud.patterns import Pattern

MARKER_KEY: Final = "orchestrator-marker"
"""The tag or metadata key of the marker."""

MARKER_LENGTH: Final = 45

_FORM: Final = r"[0-9a-f]{12}-[0-9a-f]{32}"
_WHOLE: Final = Pattern(rf"{_FORM}\Z")
_ENDING: Final = Pattern(rf"(.+)-({_FORM})\Z", re.DOTALL)


def is_marker(value: Any) -> bool:
    """Return whether a text has the form of the core's markers: installation and operation."""
    return isinstance(value, str) and _WHOLE.match(value) is not None


def divided(name: str) -> tuple[str, str | None]:
    """Return a name without the marker at its end, and the marker; None if it has no marker."""
    found = _ENDING.match(name)
    return (found[1], found[2]) if found else (name, None)


def keyed(extra: Any) -> str | None:
    """Return the value under the marker's key anywhere in a node's extra, as JSON."""
    ahead = [extra]
    while ahead:
        value = ahead.pop()
        if value.__class__ is list:
            ahead += value
        elif value.__class__ is dict:
            for marker in (value.get(MARKER_KEY), _is_labelled(value) and value.get("value")):
                if isinstance(marker, str) and marker:
                    return marker
            ahead += [x for x in value.values() if x.__class__ is dict or x.__class__ is list]
    return None


def without_marker(extra: Any, marker: str | None) -> Any:
    """Return a node's extra without its marker, in any form in which the cloud returns it."""
    return extra if marker is None else _stripped(extra, marker)


def _stripped(value: Any, marker: str) -> Any:
    if isinstance(value, list):
        return [_stripped(item, marker) for item in value if not _is_mark(item, marker)]
    if isinstance(value, dict):
        return {
            key: _stripped(item, marker)
            for key, item in value.items()
            if key != MARKER_KEY and not _is_mark(item, marker)
        }
    # The marker is also in other values, as a part of names that the cloud makes from the node's
    # name.
    return value.removesuffix(f"-{marker}") if isinstance(value, str) else value


def _is_mark(value: Any, marker: str) -> bool:
    return value in (marker, f"{MARKER_KEY}:{marker}") or _is_labelled(value)


def _is_labelled(value: Any) -> bool:
    return isinstance(value, dict) and MARKER_KEY in (value.get("key"), value.get("name"))
