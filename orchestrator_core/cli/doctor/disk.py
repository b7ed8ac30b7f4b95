"""Examination of the free space and the free inodes of the folders that a server writes to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator_core.cli.doctor.findings import Finding, problem, size, warning
from orchestrator_core.cli.doctor.subject import Subject

_NO_ROOM: Final = 16 * 2**20
_LITTLE: Final = 100 * 2**20
_PLENTY: Final = 2 * 2**30
"""Bytes. A large disk may be 95 % full and still have plenty of room."""

_SHARE: Final = 0.05
_FEW_INODES: Final = 1000


@dataclass(frozen=True, slots=True)
class Room:
    """The room in the file system of a folder, for a user without privileges.

    Attributes:
        free: bytes.
        total: bytes.
        inodes: the number of files that can still be made; None without such a limit.
    """

    free: int
    total: int
    inodes: int | None


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield the folders on disks that are nearly full."""
    seen = set()
    for use, folder in _folders(subject):
        with suppress(OSError):
            device = folder.stat().st_dev
            if device not in seen:
                seen.add(device)
                yield from judge(use, folder, _room(folder))


def _folders(subject: Subject) -> Iterator[tuple[str, Path]]:
    """Yield each folder with what it holds."""
    if subject.database is not None and subject.database.is_sqlite:
        yield "the database", Path(subject.database.shown).parent
    for server in subject.servers:
        yield "the run directory and the metrics", server.directory
    yield "temporary files", Path(tempfile.gettempdir())


def _room(folder: Path) -> Room:
    found = os.statvfs(folder)
    # Some file systems, such as Btrfs, have no fixed number of inodes.
    inodes = found.f_favail if found.f_files else None
    return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, inodes)


def judge(use: str, folder: Path, room: Room) -> Iterator[Finding]:
    """Yield findings about one file system.

    Args:
        use: what the folder holds.
        folder: the folder.
        room: the room in it.
    """
    detail = f"The disk of {folder}, which holds {use}, has {size(room.free)} left."
    effect = "On a full disk changes of VMs are refused, and metrics are not recorded."
    remedy = f"df -h {folder}; then free or add space"
    if room.free < _NO_ROOM:
        yield problem("disk_full", detail, effect, remedy)
    elif room.free < _LITTLE or (room.free < _PLENTY and room.free < _SHARE * room.total):
        yield warning("disk_low", detail, effect, remedy)
    if room.inodes is not None and room.inodes < _FEW_INODES:
        yield problem(
            "inodes_low",
            f"The disk of {folder}, which holds {use}, has room for {room.inodes} more files.",
            "No file can be made on it once there is none, whatever its free space.",
            f"df -i {folder}; then remove small files",
        )
