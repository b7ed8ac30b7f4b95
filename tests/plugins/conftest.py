"""The broken plugins, installed for real where only the servers of these tests see them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = Path(__file__).parents[1] / "broken_plugins"

_OFFLINE = ["--no-index", "--no-deps", "--disable-pip-version-check"]

_BUILD = """
import os, sys
from setuptools import build_meta
wheels, *sources = sys.argv[1:]
for source in sources:
    os.chdir(source)
    build_meta.build_wheel(wheels)
"""
"""Pip would start a Python for each, which takes ten times as long as building."""


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which all of them are installed."""
    directory = tmp_path_factory.mktemp("broken")
    # The wheels are built from a copy, so that no build files are left beside the sources.
    leave = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    shutil.copytree(BROKEN, directory / "source", ignore=leave)
    target = directory / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", *_OFFLINE]
    wheels = directory / "wheels"
    wheels.mkdir()
    sources = sorted(str(path) for path in (directory / "source").iterdir())
    _run([sys.executable, "-c", _BUILD, str(wheels), *sources])
    _run([*install, "--target", str(target), *sorted(str(path) for path in wheels.iterdir())])
    return {"PYTHONPATH": str(target)}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
