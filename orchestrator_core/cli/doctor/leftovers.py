"""Examination of what killed servers have left: folders and sockets."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orchestrator_core.cli.doctor.findings import Finding, listed, number, warning
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.temporary_folder import Folder, unlocked

_DAY: Final = 86_400.0

_MOST: Final = 6
"""The most folders that a command names."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield folders without a process, and a socket without a listener."""
    yield from judge(list(unlocked()))
    bind = subject.settings.server.bind
    if bind.startswith("unix:"):
        yield from _socket(Path(bind.removeprefix("unix:")))


def judge(folders: list[Folder]) -> Iterator[Finding]:
    """Yield findings about folders that no process has locked."""
    left = [str(one.path) for one in folders if one.is_left_over]
    if left:
        yield warning(
            "leftover_folders",
            f"Killed processes have left {number(len(left), 'folder')}: {listed(left)}.",
            "They take space, and nothing uses them.",
            "The next start removes them: systemctl restart orchestrator",
        )
    unknown = [str(one.path) for one in folders if not one.is_left_over and _is_old(one.path)]
    if unknown:
        yield warning(
            "unknown_folders",
            f"{number(len(unknown), 'folder')} of an unknown owner did not change for a day: "
            f"{listed(unknown)}.",
            "No start removes them, because a server of another machine, or of a version without "
            "locks, may use them.",
            f"If no such server runs: rm -r {' '.join(unknown[:_MOST])}",
        )


def _is_old(folder: Path) -> bool:
    """Return whether nothing in a folder has changed for a day; servers touch files each second."""
    try:
        newest = max(one.lstat().st_mtime for one in (folder, *folder.iterdir()))
    except OSError:
        return False
    return newest < time.time() - _DAY


def _socket(path: Path) -> Iterator[Finding]:
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.settimeout(1.0)
            trial.connect(str(path))
    except ConnectionRefusedError:
        yield warning(
            "leftover_socket",
            f"No process listens on the socket {path}.",
            "Clients and proxies that use it are refused.",
            "The next start replaces it: orchestrator serve",
        )
    except OSError:
        pass  # there is none, or it belongs to another user
