"""One private directory for all processes of one server, gone when the server ends."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchestrator_core.errors import SettingsError

VARIABLE: Final = "ORCHESTRATOR_RUN_DIRECTORY"
DATABASE: Final = "database"
DATABASE_FACTS: Final = f"{DATABASE}-*"
"""The names of files that tell which databases the processes of a server have had."""

_PREFIX: Final = "orchestrator-"
_FRESH_SECONDS: Final = 3600.0


def run_directory() -> Path:
    """Return this server's run directory; make it if this is the server's first process.

    Under gunicorn the first process makes it and the workers inherit its name. Other ASGI
    servers start their workers with ``multiprocessing``: there the parent's pid and start
    time name it.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        path = Path(tempfile.gettempdir()) / f"{_PREFIX}{parent.pid}-{_started(parent.pid)}"
        path.mkdir(mode=0o700, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise PermissionError(f"{path} belongs to somebody else")
    else:
        try:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        except OSError as error:
            raise SettingsError(
                f"no folder for temporary files can be used ({error.strerror}); let the "
                "environment variable TMPDIR name one that this user may write to"
            ) from None
        os.environ[VARIABLE] = str(path)
        atexit.register(_remove, path, os.getpid())
    return path


_facts: set[str] = set()


def inherit(facts: Iterable[str]) -> None:
    """Know facts, and let processes that are forked from now on know them.

    Args:
        facts: the names of empty files of the run directory, whatever becomes of that.
    """
    _facts.update(facts)


def inherited() -> frozenset[str]:
    """Return the facts that this process was told."""
    return frozenset(_facts)


class Keeper:
    """Makes a server's run directory again where somebody has removed it, and what tells facts.

    Args:
        directory: the run directory.
        facts: empty files that must not be forgotten, by a pattern.
    """

    def __init__(self, directory: Path, facts: str) -> None:
        self._directory = directory
        self._facts = facts

    def look(self) -> None:
        """Remember what is there, and make again what is not; to be called often."""
        with suppress(OSError):
            if not self._directory.is_dir():
                self._directory.mkdir(mode=0o700)
            if self._directory.stat().st_uid != os.getuid():
                return  # somebody else has taken its name
            there = {file.name for file in self._directory.glob(self._facts)}
            inherit(there)
            for name in _facts - there:
                (self._directory / name).touch()


class Freshener:
    """Lets nobody who cleans up take a server's files for forgotten: some are written only once.

    Args:
        directory: the run directory.
        but: files that tell something by their times.
    """

    def __init__(self, directory: Path, but: str) -> None:
        self._directory = directory
        self._but = but
        self._next = time.monotonic() + _FRESH_SECONDS

    def look(self) -> None:
        """Touch them, once in a while; to be called often."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _FRESH_SECONDS
        with suppress(OSError):
            for file in self._directory.iterdir():
                if not file.match(self._but):
                    os.utime(file)


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "0"
    return stat.rpartition(")")[2].split()[19]


def _remove(path: Path, maker: int) -> None:
    if os.getpid() == maker:  # and not in a forked child on its way out
        shutil.rmtree(path, ignore_errors=True)
