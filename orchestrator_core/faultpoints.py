"""Named places between two steps at which a test can have the process killed.

``ORCHESTRATOR_FAULT_POINTS="start.answered"`` kills the process with SIGKILL when it reaches that
place. ``"start.answered@FILE"`` kills it only if the file exists. The file is removed first, so
that this happens only once. Several places are separated by commas. Without the variable a place
costs nothing.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

VARIABLE: Final = "ORCHESTRATOR_FAULT_POINTS"


def _armed(text: str) -> dict[str, Path | None]:
    points: dict[str, Path | None] = {}
    for word in filter(None, text.split(",")):
        name, _, file = word.partition("@")
        points[name] = Path(file) if file else None
    return points


_points: Final = _armed(os.environ.get(VARIABLE, ""))


def reached(name: str) -> None:
    """Kill this process if a test has asked for it at this place."""
    if _points and name in _points:
        _die(_points[name])


def _die(file: Path | None) -> None:
    if file is not None:
        try:
            file.unlink()
        except FileNotFoundError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
