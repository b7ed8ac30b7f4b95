"""Marks of the processes of one server that answer, for their first process."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchestrator_core import running
from orchestrator_core.run_directory import run_directory

_MARK: Final = "serving"


def mark_serving() -> None:
    """Note that this process answers; call this often, because the file may be removed."""
    with suppress(OSError):
        _file(os.getpid()).touch()


def unmark() -> None:
    """Note that this process does not answer yet, or not any more."""
    with suppress(OSError):
        _file(os.getpid()).unlink()


def is_serving(pid: int) -> bool:
    """Return whether a living process of this server answers."""
    return _file(pid).exists()


def forget_others(pids: Collection[int]) -> None:
    """Remove the marks of all other processes; those that were killed have left theirs."""
    running.forget_others(pids)
    kept = {_file(pid).name for pid in pids}
    with suppress(OSError):
        for file in run_directory().glob(f"{_MARK}-*"):
            if file.name not in kept:
                file.unlink()


def _file(pid: int) -> Path:
    return run_directory() / f"{_MARK}-{pid}"
