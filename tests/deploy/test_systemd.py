"""The systemd units: they are valid, have few rights, and start commands that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests import commands
from tests.machine import program

ROOT: Final = Path(__file__).parents[2]
UNITS: Final = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
MOST_EXPOSED: Final = 30
"""Tenths on the scale of ``systemd-analyze security``, where 100 is unprotected."""


@pytest.fixture(params=UNITS, ids=lambda unit: unit.stem)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of a unit that runs the command of the tests' environment."""
    shipped: Path = request.param
    command = str(Path(sys.executable).with_name("orchestrator"))
    copy = tmp_path / shipped.name
    copy.write_text(shipped.read_text().replace("/opt/orchestrator/bin/orchestrator", command))
    return copy


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze", "systemd"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_valid(unit: Path) -> None:
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_it_has_few_rights(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))
    assert done.returncode == 0, done.stdout


def test_its_command_is_one_of_ours(unit: Path) -> None:
    found = re.search(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    assert found is not None
    _, *words = shlex.split(found[1])
    shown = commands.run(words[0], "--help")
    assert shown.returncode == 0
    assert all(word in shown.stdout for word in words if word.startswith("--"))
