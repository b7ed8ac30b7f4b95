"""Replacement for Libcloud's table of prices, which the plugin never shows.

The table is a file of 4.5 MB. Libcloud parses it again for each size of a provider that is not in
it (such as OpenStack). Each time takes 50 ms in which Python does nothing else, so every other
cloud of the process waits too.
"""

from __future__ import annotations

from typing import Any

import libcloud.pricing


class _Free(float):
    """A price of zero for every size, region or part: ``table[size][region]["price"]``."""

    def __getitem__(self, key: object) -> _Free:
        return self


class _Table(dict[Any, Any]):
    """The prices of one provider. It is a number, because some drivers multiply it."""

    def __missing__(self, key: object) -> _Free:
        return _Free()


class _Tables(dict[Any, Any]):
    """Replacement for the tables that Libcloud has read; it contains every table."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: object) -> _Table:
        return _Table()


def install() -> None:
    """Set the price of every size to zero for every driver of this process. Safe to repeat."""
    libcloud.pricing.PRICING_DATA["compute"] = _Tables()
