"""The broken plugins, installed for real where only the servers of these tests see them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.wheels import install, once_for_all_workers

BROKEN = Path(__file__).parents[1] / "broken_plugins"


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which all of them are installed."""

    def make(directory: Path) -> None:
        # The wheels are built from a copy, so that no build files are left beside the sources.
        leave = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
        shutil.copytree(BROKEN, directory / "source", ignore=leave)
        install(directory / "installed", *sorted((directory / "source").iterdir()))

    shared = once_for_all_workers(tmp_path_factory, "broken", make)
    return {"PYTHONPATH": str(shared / "installed")}
