"""The number of connections of each address to this process."""

from __future__ import annotations

from collections import Counter


class Connections:
    """A count of connections by address, used from one event loop.

    Args:
        limit: the most connections of one address.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def add(self, address: str) -> bool:
        """Count a new connection; return whether its address is within the limit."""
        self._open[address] += 1
        return self._open[address] <= self._limit

    def remove(self, address: str) -> None:
        """Count a connection as closed."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
