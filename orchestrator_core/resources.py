"""The files of ``conf/``, wherever they came with the package."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution, version
from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_file(name: str) -> Path:
    """Return the path of a file of ``conf/``; in a checkout that folder stands beside us."""
    packaged = _PACKAGE / "conf" / name
    return packaged if packaged.exists() else _PACKAGE.parent / "conf" / name


@cache
def core_version() -> str:
    """Return the version of the core that runs, whatever is installed meanwhile."""
    return version("vm-orchestrator")


def licence() -> str:
    """Return the text of the licence, as the installed package or the checkout has it."""
    carried = distribution("vm-orchestrator").read_text("licenses/LICENSE")
    return carried or (_PACKAGE.parent / "LICENSE").read_text(encoding="utf-8")
