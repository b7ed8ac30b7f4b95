"""The run directory of a server that runs for a long time."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator_core import run_directory
from orchestrator_core.run_directory import Freshener


def test_files_in_use_are_kept_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(run_directory, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    files = [tmp_path / name for name in ("database-1", "reported-1", "worker-7")]
    for file in files:
        file.touch()
        os.utime(file, (1.0, 1.0))
    freshener = Freshener(tmp_path, "worker-*")

    def fresh() -> list[str]:
        freshener.look()
        return [file.name for file in files if file.stat().st_mtime > 1.0]

    assert fresh() == []
    clock[0] += 3600.0
    assert fresh() == ["database-1", "reported-1"]
