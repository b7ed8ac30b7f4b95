"""Stable values in place of those that differ in each run: ids, times, durations.

A stable value has the form of the real one, so that a change of the form is still seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_ID: Final = re.compile(r"\b[0-9a-f]{32}\b")
"""An id of a record, or the entity tag of a list."""

_REQUEST_ID: Final = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{1,4}\b")

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")

_NOON: Final = datetime(2026, 5, 4, 12, 0, 0)  # noqa: DTZ001 - the real time's own zone follows it

_SECONDS: Final[Mapping[str, int]] = {
    "started_at": -2,
    "created_at": -2,
    "first_seen_at": -2,
    "at": -1,
    "assigned_at": -1,
    "ignored_at": -1,
}
"""The seconds from noon to the times of these keys, in the order of a record's life."""

_NUMBERS: Final[Mapping[str, float]] = {
    "pid": 4711,
    "seconds": 0.012,  # how long a cloud took to answer
    "silent": 1.204,  # seconds since the last heartbeat
    "times_seen": 3,  # scans run in the background
}
"""The values of numbers that depend on the machine or on the moment, by their key."""


class Stable:
    """The stable values of one run: equal values stay equal, other values stay other."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def of(self, value: Any, key: str = "") -> Any:
        """Return a value with stable values inside.

        Args:
            value: a value of JSON.
            key: the key in whose value it stands.
        """
        if isinstance(value, dict):
            return {name: self.of(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, key) for inner in value]
        if isinstance(value, str):
            return self._text(value, key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return type(value)(_NUMBERS[key]) if is_number and key in _NUMBERS else value

    def _text(self, text: str, key: str) -> str:
        if key == "version":
            return re.sub(r"^\d+\.\d+\.\d+$", "0.1.0", text)  # a release changes no example
        text = _ID.sub(lambda found: self._id(found[0], _record_id), text)
        text = _REQUEST_ID.sub(lambda found: self._id(found[0], _request_id), text)
        return _TIME.sub(lambda found: _time(found, key), text)

    def _id(self, real: str, make: Callable[[int], str]) -> str:
        return self._ids.setdefault(real, make(len(self._ids)))


def _record_id(number: int) -> str:
    """Return an id that begins with its time, as those of the state database do."""
    return f"019df2{number * 13:06x}{_digest(f'record {number}')[:20]}"


def _request_id(number: int) -> str:
    return f"5f0c1b7a-{number + 1:x}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _time(found: re.Match[str], key: str) -> str:
    """Return a time of the same precision; the distance to one in the future is kept in hours."""
    real = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    ahead = timedelta(hours=round((real - datetime.now(UTC)).total_seconds() / 3600))
    stable = _NOON + ahead + timedelta(seconds=0 if ahead else _SECONDS.get(key, 0))
    fraction = "" if found[2] is None else f".{_digest(key)[:64]}"
    digits = re.sub("[a-f]", lambda letter: str(ord(letter[0]) - ord("a")), fraction)
    return f"{stable.isoformat()}{digits[: len(found[2] or '')]}{found[3]}"
