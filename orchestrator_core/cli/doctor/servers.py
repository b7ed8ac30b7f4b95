"""The running servers of this machine, as their records and ``/proc`` show them."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator_core.process_identity import has_ended
from orchestrator_core.running import PROCESSES, SERVER
from orchestrator_core.temporary_folder import PREFIX

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class LoadedProcess:
    """One process of a server, and the versions that it has loaded."""

    pid: int
    kind: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server, or a durable worker that runs alone.

    Attributes:
        directory: its run directory, by a path that this process can open.
        place: the path of the directory as the server knows it.
        pid: its first process.
        kind: ``server``, ``asgi_server`` or ``worker``; only the first takes SIGHUP as a reload.
        prefix: the virtual environment of its interpreter.
        file: its settings file; empty if it has none.
        loaded_at: the time at which its settings were put in force, in seconds since 1970.
        key: the key of the fingerprints.
        settings: the fingerprints of its settings.
        origins: the variables of the environment that the settings came from, by key.
        addresses: the addresses on which it listens.
        refused_at: the time of a refused reload; None without one since ``loaded_at``.
        refusal: the reason for the refusal.
    """

    directory: Path
    place: str
    pid: int
    kind: str
    prefix: str
    file: str
    loaded_at: float
    key: str
    settings: Mapping[str, str]
    origins: Mapping[str, str]
    addresses: tuple[str, ...]
    refused_at: float | None
    refusal: str

    @property
    def title(self) -> str:
        """The server's name in sentences."""
        name = "The durable worker" if self.kind == "worker" else "The server"
        return f"{name} with pid {self.pid}"

    @property
    def reload(self) -> str:
        """The command with which it loads its settings again."""
        return f"kill -HUP {self.pid}" if self.kind == "server" else self.restart

    @property
    def restart(self) -> str:
        """The command that starts it anew."""
        unit = "orchestrator-worker" if self.kind == "worker" else "orchestrator"
        return f"systemctl restart {unit}"

    def environment(self) -> dict[str, str] | None:
        """Return the environment of its start; None if this user may not see it."""
        try:
            content = (_PROC / str(self.pid) / "environ").read_bytes()
        except OSError:
            return None
        pairs = (one.partition(b"=") for one in content.split(b"\0"))
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs if name}

    def processes(self) -> list[LoadedProcess]:
        """Return the living processes of this server."""
        found = []
        for file in self.directory.glob(PROCESSES):
            with suppress(OSError, ValueError, KeyError, TypeError):
                record = json.loads(file.read_text(encoding="utf-8"))
                if not has_ended(record["process"]):
                    pid = int(file.stem.rpartition("-")[2])
                    versions = {str(name): str(v) for name, v in record["versions"].items()}
                    found.append(LoadedProcess(pid, str(record["kind"]), versions))
        return sorted(found, key=lambda one: one.pid)


def running_servers() -> list[RunningServer]:
    """Return every server of this machine that this user may look into."""
    found: dict[tuple[int, int], RunningServer] = {}
    for path, place in (*_open_folders(), *_temporary_folders()):
        with suppress(OSError, ValueError, KeyError, TypeError):
            status = path.stat()
            key = (status.st_dev, status.st_ino)
            if key not in found and stat.S_ISDIR(status.st_mode):
                record = json.loads((path / SERVER).read_text(encoding="utf-8"))
                if not has_ended(str(record["process"])):
                    found[key] = _server(path, place, record)
    return list(found.values())


def _open_folders() -> Iterator[tuple[Path, str]]:
    """Yield the files that processes hold open, which include each server's run directory.

    The path leads to the folder even if the server has a file system of its own, as with systemd's
    ``PrivateTmp``.
    """
    with suppress(OSError):
        for process in sorted(one for one in _PROC.iterdir() if one.name.isdecimal()):
            with suppress(OSError):  # it has ended, or belongs to another user
                for file in (process / "fd").iterdir():
                    with suppress(OSError):
                        target = str(file.readlink())
                        if target.startswith("/") and not target.startswith("/dev/"):
                            yield file, target


def _temporary_folders() -> Iterator[tuple[Path, str]]:
    """Yield this user's folders; any other user may have made one with such a name."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.lstat().st_uid == os.geteuid():
                yield path, str(path)


def _server(path: Path, place: str, record: Mapping[str, Any]) -> RunningServer:
    refused = record["refused"] or {}
    return RunningServer(
        directory=path,
        place=place,
        pid=int(record["pid"]),
        kind=str(record["kind"]),
        prefix=str(record["prefix"]),
        file=record["file"] or "",
        loaded_at=float(record["loaded_at"]),
        key=str(record["key"]),
        settings=dict(record["settings"]),
        origins=dict(record["origins"]),
        addresses=tuple(record["addresses"]),
        refused_at=refused.get("at"),
        refusal=str(refused.get("detail", "")),
    )
