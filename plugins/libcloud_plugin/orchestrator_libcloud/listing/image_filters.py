"""Filters of OpenStack's list of images, which Glance applies.

Source: Image API v2, ``GET /v2/images``: ``name``, ``owner``, and each property of an image, such
as ``architecture``.
"""

from __future__ import annotations

from typing import Any, Final

from orchestrator_core import ImageFilter
from orchestrator_libcloud.listing.fetch_all import fetch_all
from orchestrator_libcloud.listing.parts import Parts
from orchestrator_libcloud.nodes.convert import is_usable
from orchestrator_libcloud.openstack.pages import IMAGES_PATH, has_pages

_UNSENT: Final = frozenset("*:")
"""Glance has no wildcards, and takes the part of a name before a colon as an operator (``in:``)."""


def query_of(filters: ImageFilter) -> dict[str, str]:
    """Return the parameters for Glance; a name that Glance would misread is left out."""
    name = filters.name
    if name is not None and not _UNSENT.isdisjoint(name):
        name = None
    given = {"name": name, "owner": filters.owner, "architecture": filters.architecture}
    return {field: value for field, value in given.items() if value is not None}


def is_sent(filters: ImageFilter) -> bool:
    """Return whether Glance applies every filter, so that its answer needs no further one."""
    return filters.name is None or "name" in query_of(filters)


def list_filtered(driver: Any, filters: ImageFilter) -> list[Any]:
    """Return the images that match, as Libcloud's objects.

    Libcloud's own list takes no filters. Glance compares a name as its database does, which may
    ignore case, so the names are compared again.
    """

    def request(params: dict[str, str]) -> list[Any]:
        page = driver.image_connection.request(IMAGES_PATH, params=params).object
        return [driver._to_image(item) for item in page["images"]]  # noqa: SLF001 - its only place

    found = fetch_all(driver, "list_images", request, params=query_of(filters))
    return [image for image in found if filters.fits(str(image.name))]


def part_of_images(
    driver: Any, parts: Parts, filters: ImageFilter, limit: int, marker: str | None
) -> list[Any] | None:
    """Return at least the first ``limit`` images that match, after the marker.

    None if the part must be taken from the whole list.

    Raises:
        Unsupported: this provider can only return the whole list.
    """
    is_filtered = filters != ImageFilter()
    if is_filtered and not (has_pages(driver) and is_sent(filters)):
        return None
    images = parts.part(driver, "list_images", limit, marker, query_of(filters))
    if images is None:
        return None
    # The request was for usable images that match. If the answer has others, leaving them out would
    # make the part too short.
    fit = (is_usable(image) and filters.fits(str(image.name)) for image in images)
    return images if all(fit) else None
