"""The reason why a file cannot be read or written: its path, its owner, and what to do."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_EFFECTIVE: Final = os.access in os.supports_effective_ids


def why_unusable(path: Path, error: OSError, wanted: int = os.R_OK) -> str:
    """Return why a path could not be used, and what to do about it.

    Args:
        path: the file to read, or the folder in which a file was to be made.
        error: the error of the attempt.
        wanted: ``os.R_OK`` or ``os.W_OK``.
    """
    if error.errno == errno.EISDIR:
        return "it is a folder"
    if error.errno == errno.ENOENT:
        return f"there is no {path}; create it, or correct the path"
    if error.errno == errno.ELOOP:
        return "a symbolic link in its path leads back to itself"
    if error.errno in (errno.EACCES, errno.EPERM):
        return why_denied(path, wanted)
    return error.strerror or type(error).__name__


def why_denied(path: Path, wanted: int) -> str:
    """Return who owns a path that this process must not use, and what to do.

    Args:
        path: a file or a folder, possibly in a folder that cannot be entered.
        wanted: ``os.R_OK`` or ``os.W_OK``.
    """
    place = _closed_folder(path)
    verb = "enter" if place != path else "read" if wanted == os.R_OK else "write to"
    who, need = _user(os.geteuid()), "x" if place != path else "r" if wanted == os.R_OK else "w"
    kind = "the folder" if place.is_dir() else "the file"
    give = f"chown {who} {place}, or chmod g+{need} {place}"
    advice = f"run as its owner, or give {who} access: {give}"
    if _is_own(place):
        advice = f"allow it: chmod u+{need} {place}"
    return f"{kind} {place} belongs to {_owner(place)}, and user {who} may not {verb} it; {advice}"


def may(path: Path, mode: int) -> bool:
    """Return whether this process may use a path; False if the path does not exist."""
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def is_read_only(path: Path) -> bool:
    """Return whether a path is on a file system that is mounted read-only."""
    with suppress(OSError):
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def _closed_folder(path: Path) -> Path:
    """Return the outermost folder above a path that cannot be entered, or the path itself."""
    for folder in reversed(path.absolute().parents):
        if not may(folder, os.X_OK):
            return folder
    return path


def _is_own(path: Path) -> bool:
    with suppress(OSError):
        return path.stat().st_uid == os.geteuid()
    return False


def _owner(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "another user"
    group = str(found.st_gid)
    with suppress(KeyError):
        group = grp.getgrgid(found.st_gid).gr_name
    return f"{_user(found.st_uid)}:{group} ({stat.filemode(found.st_mode)})"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
