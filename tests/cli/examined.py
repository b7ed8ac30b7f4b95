"""Installations as the doctor sees them, for the tests of its examinations."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from orchestrator_core.cli.doctor.findings import Finding
from orchestrator_core.cli.doctor.servers import RunningServer
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.running import fingerprints
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings, StateSettings
from orchestrator_core.settings.secrets import Secret

NOTHING: Final = Subject(None, Settings(), ())
KEY: Final = "00" * 16


def names(found: Iterable[Finding]) -> list[str]:
    return [f"{one.name} {one.level.value}" for one in found]


def state() -> StateSettings:
    return StateSettings(Secret("(plain)", plain="sqlite:///x"))


def subject_of(tmp_path: Path, toml: str, **more: Any) -> Subject:
    file = tmp_path / "orchestrator.toml"
    file.write_text(toml)
    return Subject(file, load_settings(file), (), **more)


def running(settings: Settings, **changed: Any) -> RunningServer:
    server = RunningServer(
        Path("/nonexistent"),
        "/nonexistent",
        7,
        "server",
        sys.prefix,
        "",
        time.time(),
        KEY,
        fingerprints(settings, KEY),
        {},
        (),
        None,
        "",
    )
    return replace(server, **changed)
