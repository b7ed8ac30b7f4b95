"""What stands where an SQLite database is to be: told without SQLite, which would make one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError

_MAGIC: Final = b"SQLite format 3\0"


def check(file: Path) -> None:
    """Do nothing if a file is an SQLite database, or can become one.

    Raises:
        SettingsError: when it is something else, or cannot be read; or when it is missing beside
            what belongs to it, which SQLite would delete.
    """
    log = Path(f"{file}-wal")
    if is_empty(file) and not is_empty(log):
        raise SettingsError(
            f"{file} is missing, but {log}, which belongs to it, is there: put the database back, "
            "or take both away"
        )
    try:
        with file.open("rb") as stream:
            begin = stream.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    if begin not in (b"", _MAGIC):
        raise SettingsError(f"{file} is not an SQLite database")


def is_empty(file: Path) -> bool:
    """Whether nothing was written there yet."""
    return identity(file) is None


def identity(file: Path) -> str | None:
    """Return what tells a file from any other, whatever its name; None for an empty one or none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return f"{found.st_dev}-{found.st_ino}" if found.st_size else None


class Watch:
    """Whether the file under a name is still the one that was there first.

    SQLite goes on in a file that was moved or deleted as if nothing were: what it keeps there
    nobody else sees, and nobody will find again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._first: str | None = None

    def has_lost_it(self) -> bool:
        """Look; false for as long as there has never been one."""
        found = identity(self._file)
        if self._first is None:
            self._first = found
        return self._first != found
