"""A cloud whose driver is made only when a file exists."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from orchestrator_core import CloudDescription, PluginContext, hookimpl

GATE = "TEST_GATE"
"""The environment variable that names the file."""


class GatedCloud:
    """A driver that waits in its constructor."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        if context.run_directory.name.startswith("orchestrator-check-"):
            return  # the check before the port opens; only the workers are to wait
        gate = Path(os.environ[GATE])
        while not gate.exists():
            time.sleep(0.02)

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("gated", "Gated")
