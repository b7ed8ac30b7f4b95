"""The core's mark on a node that it started: put on, found again, never shown."""

from __future__ import annotations

from typing import Any, Final

MARKER_KEY: Final = "orchestrator-marker"
"""The tag or metadata key that carries it."""


def marker_of(extra: Any) -> str | None:
    """Return the marker that lies somewhere in a node's extra, as JSON; None without one."""
    if isinstance(extra, list):
        found = (marker_of(item) for item in extra)
        return next((marker for marker in found if marker is not None), None)
    if not isinstance(extra, dict):
        return None
    if isinstance(extra.get(MARKER_KEY), str):
        return str(extra[MARKER_KEY])
    if _is_labelled(extra) and isinstance(extra.get("value"), str):
        return str(extra["value"])
    return marker_of(list(extra.values()))


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
