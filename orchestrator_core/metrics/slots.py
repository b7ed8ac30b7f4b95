"""The number of this process among those that write metrics, and the files of that number.

A counter must not go back when a process ends, and its file must not stay for ever either. A
process therefore writes under a number, not under its pid. A process that starts takes the number
of one that has ended and continues its counters. The number is a lock on a file, which the kernel
releases however the process ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_MOST: Final = 4096

_SIZE: Final = 1 << 20
"""The bytes of a file at first, enough for some 5,000 values."""

_KINDS: Final = ("counter", "histogram", "gauge_livesum")
"""The beginnings of the names that prometheus-client gives to its files."""

_WIDTH: Final = 4
"""The bytes at the beginning of a file that say how many of its bytes are in use."""


class Slot:
    """The number of this process, which is its own until it ends.

    Args:
        folder: the folder of the files of all processes.

    Raises:
        OSError: when the folder cannot be used, or the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.number, self._lock = _take(folder)
        self._files = [folder / f"{kind}_{self.number}.db" for kind in _KINDS]
        try:
            _forget_gauges(folder, self.number)
            for file in self._files:
                _reserve(file, _SIZE)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Leave the number to another process."""
        os.close(self._lock)

    def grow(self) -> None:
        """Give each file twice its size before it is full; call this often.

        The files are mapped into memory. A write to a page for which a full disk has no block
        would end the process, so the blocks are reserved before they are needed.

        Raises:
            OSError: when the disk is full.
        """
        for file in self._files:
            with suppress(FileNotFoundError), file.open("rb") as stream:
                used = int.from_bytes(stream.read(_WIDTH), "little")
                size = os.fstat(stream.fileno()).st_size
                if used > size // 2:
                    _reserve(file, 2 * size)


def wipe(folder: Path) -> None:
    """Remove the files of an earlier server; no process of this one may run yet."""
    with suppress(FileNotFoundError):
        for file in folder.iterdir():
            file.unlink()


def files(folder: Path) -> list[str]:
    """Return the files to add up; the gauges of processes that have ended are removed before."""
    for lock in folder.glob("*.lock"):
        with _locked(lock) as is_free:
            if is_free:
                _forget_gauges(folder, int(lock.stem))
    # A file is empty until its blocks are reserved, and for as long as a full disk has none.
    return sorted(str(file) for file in folder.glob("*.db") if _size_of(file))


def _take(folder: Path) -> tuple[int, int]:
    """Return the lowest free number, and the descriptor that holds its lock."""
    for number in range(1, _MOST):
        descriptor = os.open(
            folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return number, descriptor
    raise OSError(f"more than {_MOST} processes write metrics")


@contextmanager
def _locked(lock: Path) -> Iterator[bool]:
    """Hold a lock if no process holds it; yield whether it is held now."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _forget_gauges(folder: Path, number: int) -> None:
    for file in folder.glob(f"gauge_*_{number}.db"):
        with suppress(FileNotFoundError):
            file.unlink()


def _reserve(file: Path, size: int) -> None:
    with file.open("ab") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(size, os.fstat(stream.fileno()).st_size))
