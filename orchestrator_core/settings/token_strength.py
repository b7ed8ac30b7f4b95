"""The strength of a token, estimated from its length and its characters."""

from __future__ import annotations

import math
import string
from typing import Final

LEAST_BITS: Final = 128
"""The least bits that RFC 6819, section 5.1.4.2.2, requires of a token."""

_LEAST_DISTINCT: Final = 8
_ALPHABETS: Final = (
    (frozenset(string.digits), 10),
    (frozenset("0123456789abcdef"), 16),
    (frozenset("0123456789ABCDEF"), 16),
    (frozenset(string.ascii_lowercase), 26),
    (frozenset(string.ascii_uppercase), 26),
    (frozenset(string.ascii_lowercase + string.digits + "_-"), 36),
    (frozenset(string.ascii_letters), 52),
    (frozenset(string.ascii_letters + string.digits + "_-"), 62),
    (frozenset(string.ascii_letters + string.digits + "+/="), 64),
    (frozenset(string.printable.strip()), 94),
)
"""The alphabets of tokens, the smallest first, each with the number of characters to draw from."""


def weakness(token: str) -> str | None:
    """Return why a token is easy to guess, or None for a strong one.

    The bits are those of a random token with this length and alphabet. A token that a person has
    invented has fewer.
    """
    used = frozenset(token)
    size = next((size for alphabet, size in _ALPHABETS if used <= alphabet), None)
    if size is None:
        return "contains blanks or characters other than printable ASCII"
    if len(used) < _LEAST_DISTINCT:
        return f"is easy to guess: it has fewer than {_LEAST_DISTINCT} different characters"
    bits = int(len(token) * math.log2(size))
    if bits < LEAST_BITS:
        return f"is too short to be hard to guess: at most {bits} bits; {LEAST_BITS} are needed"
    return None
