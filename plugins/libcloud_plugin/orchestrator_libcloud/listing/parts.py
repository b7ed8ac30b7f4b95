"""Parts of lists, by id: how much of a list is requested from each provider.

``limit`` and ``marker`` refer to ids. A provider whose pages have another order cannot return "the
first ten after this id", and its page tokens or page numbers say nothing about ids. Less than the
whole list is requested if the provider's API can filter a list by ids, or if the driver sends a
request for each item. :data:`WAYS` has the way for each driver; the README's table is generated
from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestrator_core import Unsupported
from orchestrator_libcloud.listing import cut_lists
from orchestrator_libcloud.listing.id_ranges import IdRanges, has_ranges
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.openstack.pages import NO_QUERY, Pager, has_pages

_DRIVERS: Final = "libcloud.compute.drivers."

UNSORTED: Final = "the order of the pages is not documented"
NUMBERED: Final = "pages are numbered, and new or deleted items move the others between pages"
WHOLE: Final = "the API has no pages, as far as known"


class Parts:
    """Reader of parts of the lists of one cloud, in each of its threads."""

    def __init__(self) -> None:
        self._sorted = Pager()
        self._ranges = IdRanges()

    def part(
        self,
        driver: Any,
        name: str,
        limit: int,
        marker: str | None,
        query: Mapping[str, str] = NO_QUERY,
    ) -> list[Any] | None:
        """Return at least the first ``limit`` items after the marker; None for the whole list.

        Args:
            driver: the Libcloud driver object.
            name: ``list_nodes`` or ``list_images``.
            limit: the number of wanted items.
            marker: the id after which the part starts.
            query: further parameters for a provider that sorts by id.

        Raises:
            Unsupported: this provider can only return the whole list.
        """
        if has_pages(driver):
            return self._sorted.part(driver, name, limit, marker, query)
        if has_ranges(driver) and name == "list_nodes":
            return self._ranges.part(driver, limit, marker)
        if cut_lists.can_cut(driver, name):
            return cut_lists.part(driver, name, limit, marker)
        raise Unsupported(
            f"Provider {driver.name} cannot begin a list after an id: {way_of(driver)}"
        )

    def learn(self, driver: Any, name: str, ids: Sequence[str]) -> None:
        """Remember the items of a whole list, if that helps to request a part of it."""
        if name == "list_nodes" and has_ranges(driver):
            self._ranges.learn(ids)


def way_of(driver: Any) -> str:
    """Return the reason why a driver's lists are requested whole, or the way to request a part."""
    known = modules(driver)
    return next((way for name, way in WAYS.items() if _DRIVERS + name in known), WHOLE)


_SORTED: Final = "nodes and images: the API sorts by id, and only the part is requested"
_CUT: Final = (
    "nodes: the whole list is requested, and the further request for each node only for the part"
)

WAYS: Final[dict[str, str]] = {
    "openstack": _SORTED,
    "ec2": (
        "nodes of Amazon itself: `DescribeInstances` with a filter of the ids between the marker "
        "and the end of the part, after one whole list; images: " + UNSORTED
    ),
    "azure_arm": _CUT,
    "upcloud": _CUT,
    "abiquo": UNSORTED,
    "auroracompute": NUMBERED,
    "cloudsigma": NUMBERED,
    "cloudstack": NUMBERED,
    "digitalocean": NUMBERED,
    "dimensiondata": NUMBERED,
    "ecs": NUMBERED,
    "equinixmetal": NUMBERED,
    "exoscale": NUMBERED,
    "gce": "pages are sorted by name within each zone, but a node's id is a number",
    "gandi": NUMBERED,
    "ikoula": NUMBERED,
    "internetsolutions": NUMBERED,
    "ktucloud": NUMBERED,
    "kubevirt": "pages are sorted by namespace and name, but a node's id is a UID",
    "linode": NUMBERED,
    "maxihost": NUMBERED,
    "ntta": NUMBERED,
    "nttcis": NUMBERED,
    "onapp": NUMBERED,
    "outscale": UNSORTED,
    "rackspace": _SORTED,
    "scaleway": NUMBERED,
    "vultr": UNSORTED,
}
"""A driver's module to the way in which parts of its lists are requested; others have no pages."""
