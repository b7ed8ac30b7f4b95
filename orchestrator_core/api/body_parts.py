"""The limit on how many parts a request's body comes in."""

from __future__ import annotations

from typing import Final

LEAST_PART: Final = 64
_FREE_PARTS: Final = 1024


class PartCounter:
    """Counts the parts of one body: 1,024 of any size may come, and one more for each 64 bytes.

    Each part costs the event loop some microseconds, whatever is in it: 24 MB in chunks of one
    byte would take as long as thousands of requests.
    """

    def __init__(self) -> None:
        self._parts = 0
        self._bytes = 0

    def add(self, size: int) -> bool:
        """Count a part of so many bytes; return whether these are too many parts."""
        self._parts += 1
        self._bytes += size
        return self._parts > _FREE_PARTS + self._bytes // LEAST_PART
