"""The limit on the number of parts in which a request's body arrives."""

from __future__ import annotations

from typing import Final

LEAST_PART: Final = 64
_FREE_PARTS: Final = 1024


class PartCounter:
    """A counter of one body's parts: 1,024 of any size are allowed, and one more for each 64 bytes.

    Each part costs the event loop some microseconds, whatever its size. 24 MB in chunks of one byte
    would take as long as thousands of requests.
    """

    def __init__(self) -> None:
        self._parts = 0
        self._bytes = 0

    def add(self, size: int) -> bool:
        """Count a part of this size in bytes; return whether the body has too many parts."""
        self._parts += 1
        self._bytes += size
        return self._parts > _FREE_PARTS + self._bytes // LEAST_PART
