"""Sizes that Libcloud's tables lack but the cloud may have.

In some drivers ``list_sizes`` is a constant of Libcloud. A constant is only a hint; the cloud
decides. So an id that the constant lacks is passed on if the driver sends nothing but that id. This
is impossible for drivers that turn a size into amounts (Abiquo takes only the memory). For drivers
that ask their cloud, the list is the cloud's own answer. Sizes that a caller composes of amounts
are in ``composed_sizes.py``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.patterns import Pattern

_DRIVERS: Final = "libcloud.compute.drivers."
_ID: Final = Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_MEMORY: Final = Pattern(r"[1-9][0-9]{1,7}\Z")
_ASK: Final = frozenset({"EucNodeDriver", "OpenNebula_3_2_NodeDriver"})
"""Classes of those modules whose ``list_sizes`` asks the cloud."""


def passed_on(driver: Any, wanted: str) -> Any | None:
    """Return a size for an id that a driver's constant list lacks.

    Memory and disk are None: only the cloud knows them.

    Args:
        driver: the Libcloud driver object.
        wanted: the size's id, as the caller sent it.

    Returns:
        The size; None if the id alone means nothing to the cloud, or if the list is the cloud's
        own.
    """
    known = modules(driver)
    if not _ASK.isdisjoint(cls.__name__ for cls in type(driver).__mro__):
        return None
    return next((_MAKE[name](driver, wanted) for name in known if name in _MAKE), None)


def _by_name(driver: Any, wanted: str) -> Any | None:
    return _size(driver, wanted, wanted, None) if _ID.match(wanted) else None


def _by_memory(driver: Any, wanted: str) -> Any | None:
    """Return a size with this memory in MB: vCloud's and Abiquo's sizes have no other property."""
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
"""A driver's module to the function that makes a size from an id alone."""
