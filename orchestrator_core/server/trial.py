"""The trial of new settings in a separate process, before a reload uses them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.settings.model import Settings

READY: Final = "orchestrator: ready"
"""The last line of a successful trial.

Its exit status cannot be used, because the master may reap it together with its workers.
"""

_CHECK_SECONDS: Final = 60
_LOOK: Final = 0.1


def try_plugins(settings: Settings, *between: Callable[[], object]) -> None:
    """Load the plugins of these settings in a separate process, as a new worker would.

    Args:
        settings: the new settings.
        between: the functions that are called repeatedly until the trial has ended, for example to
            replace workers that die meanwhile.

    Raises:
        OrchestratorError: when the trial fails; with its output.
    """
    command = [sys.executable, "-m", "orchestrator_core.cli", "check", "--quiet", "--reload"]
    if settings.file is not None:
        command += ["--config", os.fspath(settings.file)]
    trial = subprocess.Popen(  # noqa: S603 - our own interpreter, our own command
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with trial:
        said, wrong = _communicate(trial, between)
    if said.strip().splitlines()[-1:] != [READY]:
        told = wrong.strip() or said.strip() or "the trial failed"
        raise OrchestratorError(told.removeprefix("orchestrator: "))


def _communicate(
    trial: subprocess.Popen[str], between: tuple[Callable[[], object], ...]
) -> tuple[str, str]:
    ends_at = time.monotonic() + _CHECK_SECONDS
    while True:
        try:
            return trial.communicate(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            if time.monotonic() > ends_at:
                trial.kill()
                raise OrchestratorError(f"the trial took more than {_CHECK_SECONDS} s") from None
        for call in between:
            call()
