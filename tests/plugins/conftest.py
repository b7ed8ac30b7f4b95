"""The broken plugins, installed for real where only the servers of these tests see them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = Path(__file__).parents[1] / "broken_plugins"


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which all of them are installed."""
    directory = tmp_path_factory.mktemp("broken")
    shutil.copytree(BROKEN, directory / "source")
    target = directory / "installed"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    sources = sorted(str(path) for path in (directory / "source").iterdir())
    subprocess.run([sys.executable, "-m", *install, "--target", str(target), *sources], check=True)
    return {"PYTHONPATH": str(target)}
