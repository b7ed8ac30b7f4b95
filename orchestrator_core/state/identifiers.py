"""Names for rows that no two processes make twice."""

from __future__ import annotations

import secrets
import time

_RANDOM_BYTES = 10


def new_id() -> str:
    """Return 32 hexadecimal digits, the first 12 of which are the time in milliseconds.

    Sorted by them rows stand in the order in which they were made, as UUIDs of version 7 do
    (RFC 9562, 5.7).
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(_RANDOM_BYTES)}"


def first_id_of(seconds: float) -> str:
    """Return what every id that was made at this moment or later is greater than."""
    return f"{int(seconds * 1000):012x}"
