"""The broken plugins, installed for real where only the servers of these tests see them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = Path(__file__).parents[1] / "broken_plugins"

_OFFLINE = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which all of them are installed."""
    directory = tmp_path_factory.mktemp("broken")
    # Built from a copy, so that nothing of it lands beside the sources.
    leave = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    shutil.copytree(BROKEN, directory / "source", ignore=leave)
    target = directory / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", *_OFFLINE]
    sources = sorted(str(path) for path in (directory / "source").iterdir())
    done = subprocess.run(
        [*install, "--target", str(target), *sources], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": str(target)}
