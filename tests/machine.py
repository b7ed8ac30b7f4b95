"""Programs that a test needs and that pip does not install.

On a person's machine a test without its program is skipped. Where ``CI`` is set such a test fails:
``.ci/run`` sets it, after it has installed them all.
"""

from __future__ import annotations

import os
import shutil
from typing import Final, NoReturn

import pytest

STRICT: Final = "CI"

_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Debian keeps servers in folders that are in the PATH of root only."""


def program(name: str, package: str = "") -> str:
    """Return the path of a program; skip the test, or fail it, if the machine has none.

    Args:
        name: what it is called.
        package: the Debian package that brings it, where that has another name.
    """
    found = shutil.which(name, path=_PATH)
    if found is None:
        missing(f"needs {name}: apt-get install {package or name}")
    return found


def missing(why: str) -> NoReturn:
    """Skip the test that runs, or fail it where nothing may be skipped."""
    if os.environ.get(STRICT):
        pytest.fail(f"{why} ({STRICT} is set)")
    pytest.skip(why)
