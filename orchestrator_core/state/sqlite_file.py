"""What stands where an SQLite database is to be: told without SQLite, which would make one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError

_MAGIC: Final = b"SQLite format 3\0"


def check(file: Path) -> None:
    """Do nothing if a file is an SQLite database, or can become one.

    Raises:
        SettingsError: when it is something else, or cannot be read.
    """
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
    return not file.exists() or file.stat().st_size == 0
