"""Programs that a test needs and that pip does not install.

A test without its program is skipped on a developer's machine. With ``CI`` set it fails:
``.ci/run`` installs all programs and then sets ``CI``.
"""

from __future__ import annotations

import os
import shutil
from typing import Final, NoReturn

import pytest

STRICT: Final = "CI"

_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Debian installs servers in folders that only root's PATH has."""


def program(name: str, package: str = "") -> str:
    """Return the path of a program; skip or fail the test if the machine has none.

    Args:
        name: the program's name.
        package: the Debian package that contains it, if that has another name.
    """
    found = shutil.which(name, path=_PATH)
    if found is None:
        missing(f"needs {name}: apt-get install {package or name}")
    return found


def missing(why: str) -> NoReturn:
    """Skip the running test, or fail it where skipping is not allowed."""
    if os.environ.get(STRICT):
        pytest.fail(f"{why} ({STRICT} is set)")
    pytest.skip(why)
