"""Damage to a file or folder that a server reads, and its repair."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE_WAYS: Final = ("unreadable", "empty", "half-written", "removed", "a folder", "dangling")
FOLDER_WAYS: Final = ("removed", "read-only", "a file")


@dataclass(frozen=True)
class Damage:
    """One kind of damage to one path.

    Args:
        path: an existing file or folder.
        way: one of the ways above.
        excused: the clouds whose requests may fail during it, and a while longer.
    """

    path: Path
    way: str
    excused: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.path.name}: {self.way}"

    def begin(self) -> Callable[[], None]:
        """Apply the damage; return a function that repairs it."""
        if self.way in ("unreadable", "read-only"):
            mode = self.path.stat().st_mode
            self.path.chmod(0 if self.way == "unreadable" else 0o500)
            return lambda: self.path.chmod(mode)
        away = self.path.with_name(f".{self.path.name}.away")
        self.path.rename(away)
        self._put_something(away)
        return lambda: _put_back(away, self.path)

    def _put_something(self, away: Path) -> None:
        if self.way == "a folder":
            self.path.mkdir()
        elif self.way == "dangling":
            self.path.symlink_to(self.path.with_name("nothing"))
        elif self.way == "a file":
            self.path.write_bytes(b"")
        elif self.way in ("empty", "half-written"):
            content = away.read_bytes()
            half = _half(content, self.path.suffix) if self.way == "half-written" else b""
            self.path.write_bytes(half)
            self.path.chmod(away.stat().st_mode)


def _put_back(away: Path, path: Path) -> None:
    """Restore a path, whatever has taken its place meanwhile."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
    away.rename(path)


def _half(content: bytes, suffix: str) -> bytes:
    """Return the first half of a file; of a module, up to a point where its import fails."""
    middle = len(content) // 2
    return content[: content.index(b"(", middle) + 1 if suffix == ".py" else middle]
