"""Checks of an SQLite database's file without SQLite, which would make a missing file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.files import is_read_only, may, why_denied, why_unusable

_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
"""Bytes."""
_PAGE_SIZES: Final = tuple(2**power for power in range(9, 16))
_NEWEST_FORMAT: Final = 4
_ENCODINGS: Final = 3

DAMAGED: Final = (
    "stop the servers, keep the file, and put a backup in its place; without one, "
    "`sqlite3 FILE .recover` saves what can still be read"
)
"""The advice for a damaged file."""


def check(file: Path, *, reads: bool = True) -> None:
    """Check that a file is an SQLite database that this process may write, or can become one.

    Args:
        file: The file.
        reads: Whether to read its header. Never do that in a process with connections to it:
            closing the file releases all locks of the process on it (POSIX), SQLite's too. Another
            process that closes its connection then deletes the log, and later commits are lost.
            https://www.sqlite.org/howtocorrupt.html, "POSIX advisory locks canceled"

    Raises:
        SettingsError: The file is something else or cannot be used; the message has the path, the
            owner and what to do. Or the file is missing although its -wal is there, which SQLite
            would delete.
    """
    log = Path(f"{file}-wal")
    if is_empty(file) and not is_empty(log):
        raise SettingsError(
            f"{file} is missing, but {log}, which belongs to it, is there: put the database back, "
            "or move both away"
        )
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        _check_new(file)
        return
    except OSError as error:
        raise SettingsError(f"{file} cannot be used: {_why(file, error)}") from None
    if stat.S_ISDIR(mode):
        raise SettingsError(f"{file} is a folder; name a file in it: {file / 'orchestrator.db'}")
    if not stat.S_ISREG(mode):
        raise SettingsError(f"{file} is not a regular file; name another one")
    header = _check_content(file) if reads else b""
    _check_writable(file)
    if header and not _is_sound(header):
        raise SettingsError(f"{file} is damaged at its beginning: {DAMAGED}")


def _check_content(file: Path) -> bytes:
    """Return the header of a database; empty for an empty file.

    Raises:
        SettingsError: The file cannot be read, or is not an SQLite database.
    """
    try:
        with file.open("rb") as stream:
            begin = stream.read(_HEADER)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {why_unusable(file, error)}") from None
    if begin and not begin.startswith(_MAGIC):
        raise SettingsError(f"{file} is not an SQLite database; name another file")
    return begin


def _is_sound(header: bytes) -> bool:
    """Return whether the header's fields with few legal values have legal values.

    Source: https://www.sqlite.org/fileformat.html, "The Database Header"
    """
    if len(header) < _HEADER:
        return False
    page_size = int.from_bytes(header[16:18])
    return (
        (page_size == 1 or page_size in _PAGE_SIZES)
        and header[18] in (1, 2)
        and header[19] in (1, 2)
        and header[21:24] == bytes((64, 32, 32))
        and int.from_bytes(header[44:48]) <= _NEWEST_FORMAT
        and int.from_bytes(header[56:60]) <= _ENCODINGS
    )


def _check_writable(file: Path) -> None:
    """Check that SQLite may write a database, its log and new files beside it.

    Source: https://www.sqlite.org/wal.html, "The WAL file" and "Read-Only Databases"
    """
    target = file.resolve()
    if is_read_only(target):
        raise SettingsError(_read_only(file))
    beside = (Path(f"{target}-wal"), Path(f"{target}-shm"))
    for one in (target, *(other for other in beside if other.exists())):
        if not may(one, os.R_OK | os.W_OK):
            raise SettingsError(f"{file} cannot be written: {why_denied(one, os.W_OK)}")
    _check_folder(file, target.parent)


def _check_new(file: Path) -> None:
    """Check that SQLite can make a database where no file is; missing folders are made later."""
    target = file.resolve()
    if file.is_symlink() and not target.parent.is_dir():
        raise SettingsError(
            f"{file} is a symbolic link to {target}, and there is no folder {target.parent}"
        )
    folder = next(folder for folder in target.parents if folder.exists())
    if not folder.is_dir():
        raise SettingsError(f"{file} cannot be made: {folder} is a file and not a folder")
    _check_folder(file, folder)


def _check_folder(file: Path, folder: Path) -> None:
    if is_read_only(folder):
        raise SettingsError(_read_only(file))
    if not may(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"{file} cannot be written, because SQLite needs to make files beside it: "
            f"{why_denied(folder, os.W_OK)}"
        )


def _read_only(file: Path) -> str:
    return (
        f"{file} cannot be written: its file system is mounted read-only; mount it writable, or "
        "name a file elsewhere"
    )


def _why(file: Path, error: OSError) -> str:
    if error.errno == errno.ENOTDIR:
        above = next(folder for folder in file.parents if _is_there(folder))
        return f"{above} is a file and not a folder"
    return why_unusable(file, error)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def is_empty(file: Path) -> bool:
    """Return whether a file is missing or empty."""
    return identity(file) is None


def identity(file: Path) -> str | None:
    """Return the identity of a file, whatever its name; None if it is empty or missing."""
    try:
        found = file.stat()
    except OSError:
        return None
    return f"{found.st_dev}-{found.st_ino}" if found.st_size else None


class Watch:
    """A watch that detects that the file under a name is no longer the one that was there first.

    SQLite continues to use a file that was moved or deleted. Data that it writes to such a file is
    invisible to other processes, and is lost.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._first = identity(file)

    def has_lost_it(self) -> bool:
        """Return whether the file was replaced, moved or deleted; False if there never was one."""
        found = identity(self._file)
        if self._first is None:
            self._first = found
        return self._first != found
