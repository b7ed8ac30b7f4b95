"""The version of an SQLite file's content, which costs no transaction to read."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path


class DataVersion:
    """The number of an SQLite file that changes with every commit of any process.

    It is read with a connection of its own, because a connection does not see its own commits in
    it.

    Args:
        file: The database.

    Source: https://www.sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened = 0
        self._process = 0

    def read(self) -> Hashable:
        """Return the version; None if the file cannot be read."""
        with self._lock:
            try:
                return self._read()
            except sqlite3.Error:
                self._close()
                return None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._close()

    def _read(self) -> Hashable:
        if self._connection is None or self._process != os.getpid():
            # A connection must not be used after a fork. The numbers of two connections cannot be
            # compared.
            self._connection = sqlite3.connect(
                f"{self._file.resolve().as_uri()}?mode=rw",
                uri=True,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )
            self._opened += 1
            self._process = os.getpid()
        (number,) = self._connection.execute("PRAGMA data_version").fetchone()
        return (self._opened, number)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            with suppress(sqlite3.Error):
                connection.close()
