"""The files of ``conf/``, in the installed package or in a checkout."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution, version
from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_file(name: str) -> Path:
    """Return the path of a file of ``conf/``; in a checkout that folder is beside the package."""
    packaged = _PACKAGE / "conf" / name
    return packaged if packaged.exists() else _PACKAGE.parent / "conf" / name


@cache
def core_version() -> str:
    """Return the version of the running core, even if another one is installed meanwhile."""
    return version("vm-orchestrator")


def licence() -> str:
    """Return the text of the licence from the installed package or the checkout."""
    carried = distribution("vm-orchestrator").read_text("licenses/LICENSE")
    return carried or (_PACKAGE.parent / "LICENSE").read_text(encoding="utf-8")
