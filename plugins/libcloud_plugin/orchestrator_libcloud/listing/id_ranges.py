"""Parts of Amazon's instances, by a filter on the ids between the marker and the end of the part.

``DescribeInstances`` cannot sort, and its ``NextToken`` is a place in an undocumented order. But a
filter's values may have wildcards: ``i-0a*`` is every instance whose id starts so. One whole
list shows which prefixes a part needs. Instances that were started or ended since then
make a part longer or shorter, but no instance is ever hidden.

Source: AWS, "Filter resources using the CLI and API" (wildcards; 200 values in a request).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final

from orchestrator_libcloud.listing.fetch_all import fetch_all
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.patterns import Pattern

_AMAZON: Final = "libcloud.compute.drivers.ec2"
_ID: Final = Pattern(r"i-([0-9a-f]{8,17})")
_DIGITS: Final = 8
"""Number of digits that every id has."""

_MOST_VALUES: Final = 100
_MOST_KNOWN: Final = 200_000
_WORTH: Final = 4
"""A part is requested only if the whole list is at least this many times as long."""


def has_ranges(driver: Any) -> bool:
    """Return whether a driver's provider filters instances by prefixes of their ids."""
    # Other classes of that module are for clouds that may not support wildcards.
    is_amazons = "EC2NodeDriver" in (cls.__name__ for cls in type(driver).__mro__)
    return is_amazons and _AMAZON in modules(driver)


class IdRanges:
    """Reader of parts of the instances of one cloud, after a whole list was seen."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()
        self._is_refused = False

    def learn(self, ids: Sequence[str]) -> None:
        """Remember the ids of a whole list, if all of them have Amazon's form."""
        usable = len(ids) <= _MOST_KNOWN and all(map(_ID.fullmatch, ids))
        self._known = tuple(sorted(ids)) if usable else ()

    def part(self, driver: Any, limit: int, marker: str | None) -> list[Any] | None:
        """Return the instances from the marker to the end of a part or further; None if unsure.

        Args:
            driver: the Libcloud driver object.
            limit: the number of wanted instances.
            marker: the id after which the part starts.
        """
        known = self._known
        if self._is_refused or len(known) < _WORTH * limit:
            return None
        if marker is not None and not _ID.fullmatch(marker):
            return None
        begin = 0 if marker is None else bisect_right(known, marker)
        end = begin + limit  # one more than the part has, so that its end is seen
        low = "0" * _DIGITS if marker is None else marker[2:]
        high = known[end][2:] if end < len(known) else "f" * _DIGITS
        beginnings = [f"i-{digits}" for digits in cover(low, high)]
        filters = {"instance-id": [f"{one}*" for one in beginnings]}
        found = fetch_all(driver, "list_nodes", driver.list_nodes, ex_filters=filters)
        ids = sorted(str(node.id) for node in found)
        if not self._is_plausible(ids, beginnings):
            return None
        after = len(ids) if marker is None else len(ids) - bisect_right(ids, marker)
        return found if after >= limit or end >= len(known) else None

    def _is_plausible(self, ids: list[str], beginnings: list[str]) -> bool:
        """Return whether a filtered answer can be complete: it has most of the known instances."""
        known = self._known
        first = bisect_left(known, beginnings[0])
        last = bisect_right(known, f"{beginnings[-1]}g")
        expected = known[first:last]
        missing = len(set(expected).difference(ids))
        if expected and missing == len(expected):
            self._is_refused = True  # a cloud that does not support wildcards
        return 2 * missing <= len(expected) and all(map(_ID.fullmatch, ids))


def cover(low: str, high: str) -> list[str]:
    """Return prefixes of one length for all ids from one to another, in their order.

    Args:
        low: the hexadecimal digits of an id, 8 or more.
        high: the digits of an id that is not lower.
    """
    for length in range(_DIGITS, 0, -1):
        first, last = int(low[:length], 16), int(high[:length], 16)
        if last - first < _MOST_VALUES:
            return [f"{number:0{length}x}" for number in range(first, last + 1)]
    raise AssertionError  # a hundred values are more than the sixteen of one digit
