"""Temporary folders that are locked while their processes live, and removed if these were killed.

Each folder is in the system's folder for temporary files and holds a record of its owner. All
processes that use the folder share a lock on the folder itself. The kernel releases the lock when
the last of them has ended, however it ended. systemd-tmpfiles does not clean a locked folder
either (tmpfiles.d(5), "Age").
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator_core.process_identity import (
    has_ended,
    is_of_this_boot,
    knows_boot,
    machine_id,
    read_process_identity,
)

PREFIX: Final = "orchestrator-"
"""The beginning of the names of all these folders."""

_OWNER: Final = "owner.json"

_NO_MACHINE: Final = ("", "unknown", "uninitialized")
"""Texts that are not the id of a machine (machine-id(5))."""

_PATIENCE: Final = 1.0
"""The seconds that killed processes may take until the kernel has released their locks."""

_LOOK: Final = 0.01

_held: dict[Path, int] = {}
"""The descriptor that holds the lock on each folder, in this process and those forked from it."""


def make(prefix: str = PREFIX) -> Path:
    """Make a folder that belongs to this process, and return its path.

    Raises:
        OSError: No folder can be made.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix))
    claim(path)
    return path


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a folder for a block of this process, and remove it at the end.

    Raises:
        OSError: No folder can be made.
    """
    path = make(prefix)
    try:
        yield path
    finally:
        remove(path)


def claim(path: Path, owner: int | None = None) -> None:
    """Lock a folder for this process and record its owner, unless the owner is recorded already.

    The record comes after the lock, because a folder with a record and without a lock counts as
    left over. Without either, as on a file system that has no locks, the folder is never swept.

    Args:
        path: the folder.
        owner: the pid of the process with which the folder ends; by default this process.
    """
    if not hold(path) or (path / _OWNER).exists():
        return
    record = {
        "machine": machine_id(),
        "host": socket.gethostname(),
        "process": read_process_identity(owner),
        "is_locked_by_owner": owner is None,
    }
    with suppress(OSError):
        descriptor = os.open(path / _OWNER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
            json.dump(record, stream)


def hold(path: Path) -> bool:
    """Share the lock on a folder until this process and those forked from it have ended.

    A folder that was removed and made again is locked anew.

    Returns:
        Whether the lock is held.
    """
    before = _held.get(path)
    if before is not None and _is_at(before, path):
        return True
    with suppress(OSError):
        descriptor = _open(path)
        try:
            # A sweep holds the exclusive lock only while it removes a folder.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            os.close(descriptor)
            raise
        _held[path] = descriptor
        if before is not None:
            os.close(before)
        return _is_at(descriptor, path)
    return False


def remove(path: Path) -> None:
    """Remove a folder, unless another process still uses it.

    The first process of a server that was replaced with SIGUSR2 leaves its folder to the new one.
    """
    descriptor = _held.pop(path, None)
    if descriptor is None:
        shutil.rmtree(path, ignore_errors=True)
        return
    os.close(descriptor)
    ends_at = time.monotonic() + _PATIENCE
    while path.is_dir():
        with _alone(path) as is_alone:
            if is_alone:
                _remove_tree(path)
                return
        if time.monotonic() > ends_at:
            return
        time.sleep(_LOOK)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is not locked by any process.

    Attributes:
        path: the folder.
        is_left_over: whether its owner has certainly ended.
    """

    path: Path
    is_left_over: bool


def unlocked() -> Iterator[Folder]:
    """Yield this user's folders that no process uses; nothing is changed.

    Folders whose owner is unknown, or may live on another machine, are not left over.
    """
    for path in _candidates():
        with _alone(path) as is_alone:
            if not is_alone:
                continue
            is_left_over = _has_lost_its_owner(path)
        yield Folder(path, is_left_over)


def sweep() -> list[Path]:
    """Remove the folders whose owners were killed; return the paths of the removed ones.

    Several processes may sweep at once, and others may make folders meanwhile.
    """
    return [path for path in _candidates() if _sweep(path)]


def _sweep(path: Path) -> bool:
    with _alone(path) as is_alone:
        if not is_alone or not _has_lost_its_owner(path):
            return False
        _remove_tree(path)
        return not path.exists()


def _candidates() -> list[Path]:
    """Return the folders of this user with a name of ours."""
    found = []
    with suppress(OSError):
        for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
            with suppress(OSError):
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                    found.append(path)
    return found


def _has_lost_its_owner(path: Path) -> bool:
    """Return whether the owner of a folder that no process has locked has certainly ended."""
    try:
        record = json.loads((path / _OWNER).read_text(encoding="utf-8"))
        machine, host = str(record["machine"]), str(record["host"])
        process, locks = str(record["process"]), bool(record["is_locked_by_owner"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if is_of_this_boot(process):
        return locks or has_ended(process)
    # The owner has ended with an earlier boot, if this machine is the one on which it ran. The
    # folder may also be shared with other machines, where locks need not reach this one.
    is_here = machine == machine_id() and host == socket.gethostname()
    is_known = machine not in _NO_MACHINE and (locks or knows_boot(process))
    return is_here and is_known


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Lock a folder exclusively; yield whether no other process has locked it."""
    try:
        descriptor = _open(path)
    except OSError:
        yield False
        return
    try:
        yield _lock_alone(descriptor) and _is_at(descriptor, path)
    finally:
        os.close(descriptor)


def _lock_alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open folder still has its path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def _remove_tree(path: Path) -> None:
    """Remove a folder, with its record last: without it no later sweep would try again."""
    with suppress(OSError):
        for one in path.iterdir():
            if one.name == _OWNER:
                continue
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink()
        shutil.rmtree(path, ignore_errors=True)
