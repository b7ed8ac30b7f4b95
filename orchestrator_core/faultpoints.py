"""Named places between two steps at which a test can have the process killed.

``ORCHESTRATOR_FAULT_POINTS="start.answered"`` kills it with SIGKILL when it gets there;
``"start.answered@FILE"`` only if the file is there, which is taken away first, so that it
happens once. Several are separated by commas. Without the variable a point costs nothing.
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
    """Die here, if a test wants it."""
    if _points and name in _points:
        _die(_points[name])


def _die(file: Path | None) -> None:
    if file is not None:
        try:
            file.unlink()
        except FileNotFoundError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
