"""The private directory of all processes of one server, which is removed when the server ends."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from orchestrator_core import temporary_folder
from orchestrator_core.errors import SettingsError
from orchestrator_core.process_identity import started_at

VARIABLE: Final = "ORCHESTRATOR_RUN_DIRECTORY"
DATABASE: Final = "database"
DATABASE_FACTS: Final = f"{DATABASE}-*"
"""The names of the files that record which databases the processes of a server have used."""

WORKER_STARTED: Final = "durable-worker-started"
"""The fact that a durable worker of this server has started properly."""

_RELOADING: Final = "reloading"

_FRESH_SECONDS: Final = 3600.0


def run_directory() -> Path:
    """Return this server's run directory; create it if this is the server's first process.

    Under gunicorn the first process creates the directory and the workers inherit its name. Other
    ASGI servers start their workers with ``multiprocessing``. There the directory is named after
    the parent's pid and start time.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named)
        temporary_folder.hold(path)
        return path
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        name = f"{temporary_folder.PREFIX}{parent.pid}-{started_at(parent.pid) or 0}"
        path = Path(tempfile.gettempdir()) / name
        path.mkdir(mode=0o700, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise PermissionError(f"{path} belongs to another user")
        temporary_folder.claim(path, parent.pid)
    else:
        try:
            path = temporary_folder.make()
        except OSError as error:
            raise SettingsError(
                f"no folder for temporary files can be used ({error.strerror}); set the "
                "environment variable TMPDIR to one that this user may write to"
            ) from None
        os.environ[VARIABLE] = str(path)
        atexit.register(_remove, path, os.getpid())
    return path


_facts: set[str] = set()


def inherit(facts: Iterable[str]) -> None:
    """Add facts to this process and to those that are forked from it later.

    Args:
        facts: the names of empty files of the run directory; the facts outlive the directory.
    """
    _facts.update(facts)


def inherited() -> frozenset[str]:
    """Return the facts of this process, including those it inherited."""
    return frozenset(_facts)


@contextmanager
def reloading() -> Iterator[None]:
    """Tell all processes of the server that a process which ends now is being replaced."""
    file = run_directory() / _RELOADING
    with suppress(OSError):  # a full disk must not keep the server from reloading
        file.touch()
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def is_reloading() -> bool:
    """Return whether the processes of the server are being replaced by new ones."""
    return (run_directory() / _RELOADING).exists()


class Keeper:
    """A guard that restores a server's run directory and its facts if they are removed.

    Args:
        directory: the run directory.
        facts: the pattern of the empty files that must not be lost.
    """

    def __init__(self, directory: Path, facts: str) -> None:
        self._directory = directory
        self._facts = facts

    def look(self) -> None:
        """Remember the existing facts and restore the missing ones; call this often."""
        with suppress(OSError):
            if not self._directory.is_dir():
                self._directory.mkdir(mode=0o700)
            if self._directory.stat().st_uid != os.getuid():
                return  # another user has taken its name
            temporary_folder.claim(self._directory)
            there = {file.name for file in self._directory.glob(self._facts)}
            inherit(there)
            for name in _facts - there:
                (self._directory / name).touch()


class Freshener:
    """A guard that keeps a server's files recent, so that no cleaner of old files removes them.

    Some of the files are written only once.

    Args:
        directory: the run directory.
        but: the pattern of the files that keep their times, because these have a meaning.
    """

    def __init__(self, directory: Path, but: str) -> None:
        self._directory = directory
        self._but = but
        self._next = time.monotonic() + _FRESH_SECONDS

    def look(self) -> None:
        """Touch the files from time to time; call this often."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _FRESH_SECONDS
        with suppress(OSError):
            for file in self._directory.rglob("*"):
                if not file.match(self._but):
                    os.utime(file)


def _remove(path: Path, maker: int) -> None:
    if os.getpid() == maker:  # not in a forked child, which also runs this at its exit
        temporary_folder.remove(path)
