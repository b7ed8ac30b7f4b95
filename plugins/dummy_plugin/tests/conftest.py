"""Dummy clouds made from settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core import PluginContext
from orchestrator_dummy import FaultInjectionDriver


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[Callable[..., FaultInjectionDriver]]:
    """Return a function that makes a cloud "cloud" with these faults; None omits the section."""
    made: list[FaultInjectionDriver] = []

    def make(faults: dict[str, Any] | None = None, store: str = "memory") -> FaultInjectionDriver:
        written = {"store": store} if faults is None else {"store": store, "faults": faults}
        loaded = FaultInjectionDriver.settings_schema().load(written)
        made.append(FaultInjectionDriver(PluginContext("cloud", tmp_path), loaded))
        return made[-1]

    yield make
    for cloud in made:
        cloud.close()
