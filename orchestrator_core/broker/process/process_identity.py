"""Tells a process of this machine that has ended from one that is only silent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_START_TIME: Final = 19
"""Which word of ``/proc/PID/stat`` after the command's name it is (proc(5), starttime)."""


def read_process_identity() -> str:
    """Return what no other process has: boot, namespace of pids, pid, and when it began."""
    return f"{_here()}/{os.getpid()}/{_began(os.getpid())}"


def has_ended(certificate: str) -> bool:
    """Whether a process has certainly ended; False for one of another machine or container."""
    here, _, rest = certificate.rpartition("/")
    here, _, pid = here.rpartition("/")
    if here != _here() or not pid.isdecimal():
        return False
    began = _began(int(pid))
    return not _is_there(int(pid)) if began is None else began != rest


def _here() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return "unknown"


def _is_there(pid: int) -> bool:
    """Whether a process is there that ``/proc`` does not show (proc(5), hidepid)."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _began(pid: int) -> str | None:
    """Return when a process began, in the kernel's own counting.

    It is empty for one that has ended, and None where nothing is shown of it.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    words = stat.rpartition(")")[2].split()
    return "" if words[0] in ("Z", "X") else words[_START_TIME]
