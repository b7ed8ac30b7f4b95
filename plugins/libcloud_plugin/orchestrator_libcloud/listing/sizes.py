"""Sizes that Libcloud's tables lack but the cloud may have.

In some drivers ``list_sizes`` is a constant of Libcloud. A constant may hint, but the cloud
decides: an id that it lacks is passed on where the driver sends nothing but that id. Drivers that
turn a size into amounts cannot do so (Abiquo takes the memory alone), and in drivers that ask their
cloud the list is the cloud's own word. What a caller composes of amounts: ``composed_sizes.py``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, Final

from orchestrator_libcloud.nodes.states import modules

_DRIVERS: Final = "libcloud.compute.drivers."
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_MEMORY: Final = re.compile(r"[1-9][0-9]{1,7}\Z")
_ASK: Final = frozenset({"EucNodeDriver", "OpenNebula_3_2_NodeDriver"})
"""Classes of those modules whose ``list_sizes`` asks the cloud."""


def passed_on(driver: Any, wanted: str) -> Any | None:
    """Return a size for an id that a driver's constant list lacks.

    Memory and disk are None: the cloud knows them.

    Args:
        driver: the Libcloud driver object.
        wanted: the size's id, as a caller gave it.

    Returns:
        None where the id means nothing to the cloud by itself, or the list is the cloud's own.
    """
    known = modules(driver)
    if not _ASK.isdisjoint(cls.__name__ for cls in type(driver).__mro__):
        return None
    return next((_MAKE[name](driver, wanted) for name in known if name in _MAKE), None)


def _by_name(driver: Any, wanted: str) -> Any | None:
    return _size(driver, wanted, wanted, None) if _ID.match(wanted) else None


def _by_memory(driver: Any, wanted: str) -> Any | None:
    """Return a size of so many MB of memory: vCloud's and Abiquo's sizes are nothing else."""
    if not _MEMORY.match(wanted):
        return None
    return _size(driver, wanted, f"{wanted} Ram", int(wanted))


def _size(driver: Any, size_id: str, name: str, ram: int | None) -> Any:
    base = importlib.import_module("libcloud.compute.base")
    return base.NodeSize(size_id, name, ram, None, bandwidth=None, price=None, driver=driver)


_MAKE: Final[dict[str, Callable[[Any, str], Any | None]]] = {
    _DRIVERS + "abiquo": _by_memory,
    _DRIVERS + "ec2": _by_name,
    _DRIVERS + "opennebula": _by_name,
    _DRIVERS + "vcloud": _by_memory,
}
"""A driver's module to what makes a size out of an id alone."""
