"""Ids for rows that are unique across processes."""

from __future__ import annotations

import secrets
import time

_RANDOM_BYTES = 10


def new_id() -> str:
    """Return a new id of 32 hexadecimal digits; the first 12 are the time in milliseconds.

    Ids sort in the order in which they were made, like UUIDs of version 7 (RFC 9562, 5.7).
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(_RANDOM_BYTES)}"


def first_id_of(seconds: float) -> str:
    """Return a text that is smaller than every id made at this moment or later."""
    return f"{int(seconds * 1000):012x}"
