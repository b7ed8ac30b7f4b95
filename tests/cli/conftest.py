"""The command line, run as a user types it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(clean_environment: dict[str, str], tmp_path: Path) -> Run:
    """Return a function that runs ``orchestrator ARGUMENTS`` with an environment and input."""

    def command(
        *arguments: str, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orchestrator_core.cli", *arguments],
            env={**clean_environment, "COLUMNS": "200", **environment},
            cwd=tmp_path,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command
