"""The core's mark on a node that it started: put on, found again, never shown."""

from __future__ import annotations

from typing import Any, Final

MARKER_KEY: Final = "orchestrator-marker"
"""The tag or metadata key that carries it."""


def marker_of(extra: Any) -> str | None:
    """Return the marker that lies somewhere in a node's extra, as JSON; None without one."""
    ahead = [extra]
    while ahead:
        value = ahead.pop()
        if value.__class__ is list:
            ahead += value
        elif value.__class__ is dict:
            for marker in (value.get(MARKER_KEY), _is_labelled(value) and value.get("value")):
                if isinstance(marker, str):
                    return marker
            ahead += [x for x in value.values() if x.__class__ is dict or x.__class__ is list]
    return None


def without_marker(extra: Any) -> Any:
    """Return a node's extra without the marker, in whatever form the cloud gives it back."""
    marker = marker_of(extra)
    return extra if marker is None else _stripped(extra, marker)


def _stripped(value: Any, marker: str) -> Any:
    if isinstance(value, list):
        return [_stripped(item, marker) for item in value if not _is_labelled(item)]
    if isinstance(value, dict):
        # Elsewhere too, as Amazon's client token for one.
        return {
            key: _stripped(item, marker)
            for key, item in value.items()
            if key != MARKER_KEY and item != marker
        }
    return value


def _is_labelled(value: Any) -> bool:
    return isinstance(value, dict) and MARKER_KEY in (value.get("key"), value.get("name"))
