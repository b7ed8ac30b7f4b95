"""Open SQLite connections of all stores of a process, of which only the last used are kept."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MOST_IDLE: Final = 32
"""Number of connections that are kept open; each takes about 100 KB."""


class Connections:
    """Idle connections, each lent to one thread at a time.

    They are not kept for each thread: a connection whose thread has ended stays open until Python's
    cycle collector runs.

    Args:
        most_idle: the number of idle connections that are kept.
    """

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._most_idle = most_idle
        self._lock = threading.Lock()
        self._idle: OrderedDict[sqlite3.Connection, list[sqlite3.Connection]] = OrderedDict()

    @contextmanager
    def lend(
        self, own: list[sqlite3.Connection], make: Callable[[], sqlite3.Connection]
    ) -> Iterator[sqlite3.Connection]:
        """Lend a connection of one store for a block.

        Args:
            own: the store's idle connections; only this class changes the list.
            make: opens a connection for the use in any thread.
        """
        with self._lock:
            connection = own.pop() if own else None
            if connection is not None:
                del self._idle[connection]
        if connection is None:
            connection = make()
        try:
            yield connection
        finally:
            self._take_back(connection, own)

    def _take_back(self, connection: sqlite3.Connection, own: list[sqlite3.Connection]) -> None:
        oldest = None
        with self._lock:
            own.append(connection)
            self._idle[connection] = own
            if len(self._idle) > self._most_idle:
                oldest, others = self._idle.popitem(last=False)
                others.remove(oldest)
        if oldest is not None:
            oldest.close()


OF_THIS_PROCESS: Final = Connections()
"""The connections of all stores of this process."""
