"""Lookup of one Libcloud node, image, size or location by its id.

Libcloud has no common way to get one thing. If a driver has its own method that can be trusted, it
is used, and the id of the result is checked. Otherwise the list is searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from orchestrator_core import (
    ImageFilter,
    ImageNotFound,
    InvalidParameter,
    NodeNotFound,
    SizeNotFound,
    Unsupported,
)
from orchestrator_libcloud.capabilities import lacks, method, needed, offers
from orchestrator_libcloud.changes import absence, azure_images, libvirt_domains
from orchestrator_libcloud.listing import image_filters, instance_types
from orchestrator_libcloud.listing.composed_sizes import composed, form_of
from orchestrator_libcloud.listing.fetch_all import fetch_all
from orchestrator_libcloud.listing.sizes import passed_on
from orchestrator_libcloud.nodes.carriers import why_none
from orchestrator_libcloud.nodes.convert import node_id, node_marker
from orchestrator_libcloud.nodes.marker import MARKER_KEY
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.openstack import zones
from orchestrator_libcloud.openstack.pages import has_pages
from orchestrator_libcloud.patterns import Pattern

_DRIVERS: Final = "libcloud.compute.drivers."
_AMAZON: Final = _DRIVERS + "ec2"

_GETTERS: Final = {
    _DRIVERS + "openstack": "ex_get_node_details",
    _DRIVERS + "dimensiondata": "ex_get_node_by_id",
    _DRIVERS + "nttcis": "ex_get_node_by_id",
    _DRIVERS + "libvirt_driver": "ex_get_node_by_uuid",
    _DRIVERS + "ovh": "ex_get_node",
}
"""A driver's module to its method that gets one node. Other drivers with such a method take a name
(Google), search all nodes themselves or mix up addresses (CloudStack).
"""

_SIZE_GETTERS: Final = {
    _DRIVERS + "openstack": "ex_get_size",
    _DRIVERS + "ovh": "ex_get_size",
}
"""A driver's module to its method that gets one size by its id. Google's method takes a name, and
Kamatera's builds a size from its parts.
"""

_NOT_FOUND: Final = 404
_UNREADABLE: Final = (LookupError, AttributeError, TypeError)
"""The errors that a driver raises when it cannot read an answer."""

_PATH_SAFE: Final = Pattern(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\Z")
_COLLECTIONS: Final = frozenset({"detail"})
"""Drivers put the id into a URL's path: an id must not contain characters with a meaning there."""


def find_node(driver: Any, wanted: str) -> Any:
    """Return the Libcloud node with this id.

    Raises:
        NodeNotFound: there is no such node.
    """
    missing = missing_node(wanted)
    if not has_getter(driver):
        found = _listed_node(driver, wanted)
        if found is None:
            raise missing
        return found
    with absence.believed(driver, frozenset({wanted}), missing, lambda: _is_listed(driver, wanted)):
        node = _get_readable(driver, wanted)
    if node is not None and node_id(node) == wanted:
        return node
    # The driver ignored an error, or the answer was empty.
    if not absence.is_told(driver, frozenset({wanted})):
        absence.confirm(missing, lambda: _is_listed(driver, wanted))
    raise missing


def _get_readable(driver: Any, wanted: str) -> Any:
    """Return one node, from the list if the driver cannot read it alone.

    Only lists are mended around an item that a driver cannot read (``fetch_all.py``). A node that a
    list shows must also be one that can be stopped.
    """
    try:
        return _get_node(driver, wanted)
    except _UNREADABLE:
        return _listed_node(driver, wanted)


@contextmanager
def gone_believed(driver: Any, node: Any) -> Iterator[None]:
    """Raise NodeNotFound if the answer to an action credibly says that this node is gone."""
    wanted = node_id(node)
    names = frozenset(str(name) for name in (wanted, node.id, node.name) if name)
    with absence.believed(driver, names, missing_node(wanted), lambda: _is_listed(driver, wanted)):
        yield


def _listed_node(driver: Any, wanted: str) -> Any:
    return _first(n for n in list_with(driver, "list_nodes", None) if node_id(n) == wanted)


def _is_listed(driver: Any, wanted: str) -> bool:
    if lacks(driver, "list_nodes", ("location",)) is not None:
        raise Unsupported(f"Provider {driver.name} has no list with which to compare its answer")
    return _listed_node(driver, wanted) is not None


def missing_node(wanted: str) -> NodeNotFound:
    """Return the error for a node that does not exist."""
    return NodeNotFound(f"There is no node {wanted!r}")


def has_getter(driver: Any) -> bool:
    """Return whether one node can be fetched without the whole list.

    This also accepts a driver's class.
    """
    return any(module in (_AMAZON, *_GETTERS) for module in modules(driver))


def _get_node(driver: Any, wanted: str) -> Any:
    known = modules(driver)
    if _AMAZON in known:
        return _first(_filtered(driver, "list_nodes", ex_node_ids=[wanted]))
    getters = [getter for module, getter in _GETTERS.items() if module in known]
    if not _is_path_safe(wanted):
        raise missing_node(wanted)
    if libvirt_domains.MODULE in known and not libvirt_domains.is_domain_id(wanted):
        raise missing_node(wanted)
    return getattr(driver, getters[0])(wanted)


def _is_path_safe(wanted: str) -> bool:
    return _PATH_SAFE.match(wanted) is not None and wanted not in _COLLECTIONS


def find_marked(driver: Any, marker: str) -> Any:
    """Return the Libcloud node that carries this marker.

    Raises:
        Unsupported: this provider's nodes carry no marker.
        NodeNotFound: no node carries the marker.
    """
    why = why_none(driver)
    if why is not None:
        raise Unsupported(why)
    node = _first(node for node in _candidates(driver, marker) if node_marker(node) == marker)
    if node is None:
        raise NodeNotFound("There is no node with this marker")
    return node


def _candidates(driver: Any, marker: str) -> Iterator[Any]:
    if _AMAZON not in modules(driver):
        yield from list_with(driver, "list_nodes", None)
        return
    # A tag can be removed from a node, and not every EC2-compatible cloud accepts it at the start.
    for known in (f"tag:{MARKER_KEY}", "client-token"):
        yield from _filtered(driver, "list_nodes", ex_filters={known: marker})


def find_image(driver: Any, wanted: str, region: str | None) -> Any:
    """Return the Libcloud image with this id.

    Raises:
        ImageNotFound: there is no such image.
        InvalidParameter: the id has another form than the provider's.
    """
    if azure_images.is_azure(driver):
        return azure_images.find(driver, wanted)
    missing = ImageNotFound(f"There is no image {wanted!r}")

    def is_listed() -> bool:
        return _listed_image(driver, wanted, region) is not None

    if not offers(driver, "get_image"):
        found = _listed_image(driver, wanted, region)
        if found is None:
            raise missing
        return found
    if _AMAZON not in modules(driver) and not _is_path_safe(wanted):
        raise missing
    with absence.image_believed(wanted, missing, is_listed):
        image = _got_image(driver, wanted)
    if image is not None and str(image.id) == wanted:
        return image
    raise missing


def _got_image(driver: Any, wanted: str) -> Any:
    if _AMAZON in modules(driver):
        # The driver's get_image fails on an empty list.
        return _first(_filtered(driver, "list_images", ex_image_ids=[wanted]))
    return driver.get_image(wanted)


def _listed_image(driver: Any, wanted: str, region: str | None) -> Any:
    images = list_with(driver, "list_images", region)
    return _first(image for image in images if str(image.id) == wanted)


def find_size(driver: Any, wanted: str, region: str | None) -> Any:
    """Return the Libcloud size with this id.

    Raises:
        SizeNotFound: there is no such size.
    """
    size = composed(driver, wanted)
    if size is not None:
        return size  # no list has it
    if instance_types.can_ask(driver):
        size = instance_types.find_size(driver, wanted)
    else:
        size = _get_size(driver, wanted)
        has_only_form = (
            form_of(driver) is not None and lacks(driver, "list_sizes", ("location",)) is not None
        )
        if size is None and not has_only_form:
            sizes = list_with(driver, "list_sizes", region)
            size = _first(size for size in sizes if str(size.id) == wanted)
    size = size or passed_on(driver, wanted)
    if size is None:
        form = form_of(driver)
        more = (
            ""
            if form is None
            else f"; in addition to the listed sizes this provider takes {form.words}"
        )
        raise SizeNotFound(f"There is no size {wanted!r}{more.replace('`', '')}")
    return size


def _get_size(driver: Any, wanted: str) -> Any:
    """Return the size with this id; None if the list must be searched."""
    known = modules(driver)
    names = (getter for module, getter in _SIZE_GETTERS.items() if module in known)
    getter = getattr(driver, next(names, ""), None)
    if getter is None or not _is_path_safe(wanted):
        return None
    try:
        size = getter(wanted)
    except Exception as error:
        # A 404 does not say whether the size or the API is missing.
        if getattr(error, "code", None) != _NOT_FOUND:
            raise
        return None
    return size if str(size.id) == wanted else None


def find_location(driver: Any, region: str | None) -> Any:
    """Return the location that a driver requires: the settings' region, or the only location.

    Raises:
        Unsupported: the location cannot be determined.
    """
    locations = list_locations(driver)
    for location in locations:
        if region is not None and region in (str(location.id), location.name):
            return location
    if len(locations) == 1:
        return locations[0]
    raise Unsupported(
        f"Provider {driver.name} needs a location; set region, or location of the start, to one of "
        "its locations"
    )


def list_with(driver: Any, name: str, region: str | None) -> list[Any]:
    """Call one of a driver's lists, with a location if the driver requires one.

    Raises:
        Unsupported: the driver does not offer the list.
        CloudError: the complete list cannot be fetched.
    """
    call = method(driver, name, ("location",))
    if "location" in needed(driver, name):
        return fetch_all(driver, name, call, location=find_location(driver, region))
    return fetch_all(driver, name, call)


def list_images(
    driver: Any, region: str | None, owners: Sequence[str], filters: ImageFilter
) -> list[Any]:
    """Return the images that match, of these owners if the provider supports owners.

    Amazon and OpenStack get the filters, because they can have thousands of images.

    Raises:
        InvalidParameter: the provider does not have a filter.
    """
    if _AMAZON in modules(driver):
        return _amazon_images(driver, owners, filters)
    if has_pages(driver) and filters != ImageFilter():
        return image_filters.list_filtered(driver, filters)
    for field in ("owner", "architecture"):
        if getattr(filters, field) is not None:
            raise InvalidParameter(field, f"provider {driver.name} does not filter images by it")
    found = list_with(driver, "list_images", region)
    return [image for image in found if filters.fits(str(image.name))]


def _amazon_images(driver: Any, owners: Sequence[str], filters: ImageFilter) -> list[Any]:
    wanted = {"name": filters.name, "architecture": filters.architecture}
    given = {name: value for name, value in wanted.items() if value is not None}
    more = {"ex_filters": given} if given else {}
    chosen = owners if filters.owner is None else (filters.owner,)
    if not chosen:
        return _filtered(driver, "list_images", **more)
    # Libcloud takes one owner at a time; an account's number and "self" may be the same owner.
    found = [
        image for one in chosen for image in _filtered(driver, "list_images", ex_owner=one, **more)
    ]
    return list({image.id: image for image in found}.values())


def list_locations(driver: Any) -> list[Any]:
    """Return every location; OpenStack's are its availability zones."""
    if zones.has_zones(driver):
        return fetch_all(driver, "list_locations", lambda: zones.list_zones(driver))
    return fetch_all(driver, "list_locations", method(driver, "list_locations"))


def _filtered(driver: Any, name: str, **given: Any) -> list[Any]:
    return fetch_all(driver, name, getattr(driver, name), **given)


def _first(things: Iterable[Any]) -> Any:
    return next(iter(things), None)
