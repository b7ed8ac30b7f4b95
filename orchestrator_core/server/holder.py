"""The process that listens on an address, as Linux shows it in ``/proc``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on an address.

    Attributes:
        pid: its process id.
        name: the name of its program.
        is_ours: whether it is a server of this program.
    """

    pid: int
    name: str
    is_ours: bool

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"


def holder_of(address: tuple[str, int] | str) -> Holder | None:
    """Return the process that listens on an address; None if it cannot be known.

    The processes of other users are visible only to root.

    Args:
        address: ``(host, port)``, or the path of a Unix socket.
    """
    wanted = {f"socket:[{inode}]" for inode in _inodes(address)}
    if not wanted:
        return None
    folders = (folder for folder in _PROC.iterdir() if folder.name.isdecimal())
    # The master has the lowest pid of the processes that share a socket, unless pids wrapped.
    for folder in sorted(folders, key=lambda folder: int(folder.name)):
        if not wanted.isdisjoint(_open_files(folder)):
            return _described(folder)
    return None


def _inodes(address: tuple[str, int] | str) -> Iterator[str]:
    if isinstance(address, str):
        for line in _lines("unix"):
            fields = line.split(maxsplit=7)
            if fields[7:] == [address]:
                yield fields[6]
        return
    port = f":{address[1]:04X}"
    for table in ("tcp", "tcp6"):
        for line in _lines(table):
            fields = line.split()
            if fields[1].endswith(port) and fields[3] == _LISTENING:
                yield fields[9]


def _lines(table: str) -> list[str]:
    with suppress(OSError):
        return (
            (_PROC / "net" / table).read_text(encoding="utf-8", errors="replace").splitlines()[1:]
        )
    return []


def _open_files(process: Path) -> Iterator[str]:
    with suppress(OSError):  # the process has ended, or belongs to another user
        for file in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(file.readlink())


def _described(process: Path) -> Holder | None:
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().decode(errors="replace").lower()
        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
        return Holder(int(process.name), name, "orchestrator" in words)
    return None
