"""Keeps Libcloud from reading its table of prices, which nothing here shows.

The table is a file of 4.5 MB. Libcloud parses it again for each size of a provider that is not
in it (OpenStack's are not): 50 ms each, in which Python does nothing else, so that every other
cloud of the process waits too.
"""

from __future__ import annotations

from typing import Any

import libcloud.pricing


class _Free(float):
    """A price of nothing, for a size, a region or a part: ``table[size][region]["price"]``."""

    def __getitem__(self, key: object) -> _Free:
        return self


class _Table(dict[Any, Any]):
    """The prices of one provider. A number, since some drivers multiply it."""

    def __missing__(self, key: object) -> _Free:
        return _Free()


class _Tables(dict[Any, Any]):
    """Stands where Libcloud keeps the tables that it has read; it never lacks one."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: object) -> _Table:
        return _Table()


def install() -> None:
    """Have every driver of this process find its sizes free of charge. Safe to repeat."""
    libcloud.pricing.PRICING_DATA["compute"] = _Tables()
