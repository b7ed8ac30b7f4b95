"""A recording of metrics in the process of a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import values

from orchestrator_core.metrics import meter as meters
from orchestrator_core.metrics import recording

Record = Callable[[Path], meters.Meter]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return a function that records in this process; the test's end undoes it."""
    monkeypatch.setattr(meters._Current, "meter", meters.Meter())
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")

    def start(directory: Path) -> meters.Meter:
        recording.record(directory)
        return meters.meter()

    return start
