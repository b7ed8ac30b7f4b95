"""Identity of a process, which tells an ended process of this machine from a silent one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_START_TIME: Final = 19
"""Index of the start time in ``/proc/PID/stat``, after the command's name (proc(5), starttime)."""


def read_process_identity() -> str:
    """Return the unique identity of this process: boot, pid namespace, pid, and start time."""
    return f"{_here()}/{os.getpid()}/{_began(os.getpid())}"


def has_ended(certificate: str) -> bool:
    """Return whether a process has certainly ended.

    The answer is False for a process of another machine or container.
    """
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
    """Return whether a process exists that ``/proc`` does not show (proc(5), hidepid)."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _began(pid: int) -> str | None:
    """Return the start time of a process, in the kernel's unit.

    It is empty for a process that has ended, and None for one that ``/proc`` does not show.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    words = stat.rpartition(")")[2].split()
    return "" if words[0] in ("Z", "X") else words[_START_TIME]
