"""Durations as people write them: ``8h``, ``90s``, ``2d``, ``1h30m``."""

from __future__ import annotations

import re
from typing import Final

SHORTEST_LEASE: Final = 1.0
LONGEST_LEASE: Final = 365 * 86_400.0

_FORM: Final = re.compile(
    r"(?=.)(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?"
)
_UNITS: Final = (86_400, 3600, 60, 1)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: whole numbers of d, h, m, s, in this order.

    Raises:
        ValueError: when the text is not a duration; the message describes a valid one.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError('must be a duration such as "8h", "90s" or "1h30m"')
    return float(
        sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS, strict=True))
    )


def parse_lease(text: str) -> float:
    """Return the seconds of a lease, from 1 s to 365 days.

    Raises:
        ValueError: when the text is not such a duration; the message describes a valid one.
    """
    seconds = parse_duration(text)
    if seconds < SHORTEST_LEASE:
        raise ValueError("must not be shorter than 1s")
    if seconds > LONGEST_LEASE:
        raise ValueError("must not be longer than 365d")
    return seconds
