"""Identity of a process, which tells an ended process of this machine from a silent one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_START_TIME: Final = 19
"""Index of the start time in ``/proc/PID/stat``, after the command's name (proc(5), starttime)."""

_UNKNOWN: Final = "unknown"
_MACHINE: Final = Path("/etc/machine-id")


def read_process_identity(pid: int | None = None) -> str:
    """Return the unique identity of a process: boot, pid namespace, pid, and start time.

    Args:
        pid: a process of this machine; by default this one.
    """
    pid = os.getpid() if pid is None else pid
    return f"{_here()}/{pid}/{started_at(pid) or ''}"


def machine_id() -> str:
    """Return the id of this machine, which stays the same after a boot.

    It is empty or ``unknown`` on a machine without one, such as most containers.
    """
    try:
        return _MACHINE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _UNKNOWN


def is_of_this_boot(certificate: str) -> bool:
    """Return whether a process ran on this machine since its last boot, in any container."""
    boot = _here().partition("/")[0]
    return knows_boot(certificate) and certificate.partition("/")[0] == boot


def knows_boot(certificate: str) -> bool:
    """Return whether a process could read its boot; systemd's ``ProcSubset=pid`` hides it."""
    return not certificate.startswith(_UNKNOWN)


def has_ended(certificate: str) -> bool:
    """Return whether a process has certainly ended.

    The answer is False for a process of another machine or container.
    """
    here, _, rest = certificate.rpartition("/")
    here, _, pid = here.rpartition("/")
    if here != _here() or not pid.isdecimal():
        return False
    began = started_at(int(pid))
    return not _is_there(int(pid)) if began is None else began != rest


def _here() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return _UNKNOWN


def _is_there(pid: int) -> bool:
    """Return whether a process exists that ``/proc`` does not show (proc(5), hidepid)."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def started_at(pid: int) -> str | None:
    """Return the start time of a process, in the kernel's unit.

    It is empty for a process that has ended, and None for one that ``/proc`` does not show.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    words = stat.rpartition(")")[2].split()
    return "" if words[0] in ("Z", "X") else words[_START_TIME]
