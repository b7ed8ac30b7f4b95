"""Parts of long lists, in the order of ids, from clouds that sort by id: Nova and Glance.

Sources: Compute API, ``GET /servers/detail`` (``sort_key=uuid``, ``limit``, ``marker``); Image API
v2, ``GET /v2/images`` (``sort_key=id``). Both answer an unknown marker with 400. Other clouds with
pages cannot start after an id. Amazon's ``NextToken`` is a place in an undocumented order;
DigitalOcean, Scaleway and others number their pages. Or they sort flavors as their database does. A
part of those lists has to be cut out of the whole list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from orchestrator_core import InvalidAnswer, Unsupported
from orchestrator_libcloud.odd_items.odd_trials import identified
from orchestrator_libcloud.openstack.zones import has_zones

_PROOF: Final = 100
"""Number of items that must come sorted before the order is trusted; shorter lists come whole."""

_MOST: Final = 1000
"""Larger parts are cut out of the whole list: Nova and Glance return no more at a time."""

NO_QUERY: Final[Mapping[str, str]] = MappingProxyType({})

Items = list[dict[str, Any]]
"""The items as they are in the cloud's answers."""

_BAD_MARKER: Final = frozenset({400, 404})


@dataclass(frozen=True, slots=True)
class _Kind:
    """One list that can be paged."""

    connection: str
    path: str
    key: str
    convert: str
    params: Mapping[str, str]


IMAGES_PATH: Final = "/v2/images"

_NODES: Final = _Kind(
    "connection", "/servers/detail", "servers", "_to_node", {"sort_key": "uuid", "sort_dir": "asc"}
)
_IMAGES: Final = _Kind(
    "image_connection",
    IMAGES_PATH,
    "images",
    "_to_image",
    {"sort_key": "id", "sort_dir": "asc", "status": "active"},
)
KINDS: Final = {"list_nodes": _NODES, "list_images": _IMAGES}


def has_pages(driver: Any) -> bool:
    """Return whether a driver's provider sorts by id."""
    return has_zones(driver) and hasattr(driver, "image_connectionCls")


class Pager:
    """Reader of parts of the lists of one cloud, which remembers whether the cloud sorts by id.

    A cloud that only resembles OpenStack may ignore ``sort_key``. Then its first page, of 100 items
    in another order, shows that, and from then on the whole list is requested.
    """

    def __init__(self) -> None:
        self._sorts: dict[str, bool] = {}

    def part(
        self,
        driver: Any,
        name: str,
        limit: int,
        marker: str | None,
        query: Mapping[str, str] = NO_QUERY,
    ) -> list[Any] | None:
        """Return at least the first ``limit`` items after the marker; None if it is not certain.

        Args:
            driver: the Libcloud driver object.
            name: ``list_nodes`` or ``list_images``.
            limit: the number of wanted items.
            marker: the id after which the part starts.
            query: further parameters of the requests, which select items.

        Raises:
            InvalidAnswer: an answer has no list.
            Unsupported: the provider does not sort by id.
        """
        if not has_pages(driver):
            raise Unsupported(f"Provider {driver.name} cannot begin a list after an id")
        if limit > _MOST or self._sorts.get(name) is False:
            return None
        kind = KINDS[name]
        kind = replace(kind, params={**kind.params, **query})
        convert = getattr(driver, kind.convert)
        try:
            items = self._items(driver, name, kind, limit, marker)
        except _NoId:
            return None
        try:
            return None if items is None else identified(convert(item) for item in items)
        except Exception:  # noqa: BLE001 - an odd item, which the whole list handles
            return None

    def _items(
        self, driver: Any, name: str, kind: _Kind, limit: int, marker: str | None
    ) -> Items | None:
        if not self._sorts.get(name):
            first, is_whole = _ask(driver, kind, max(limit, _PROOF), None)
            if is_whole:
                return first  # the list is complete, whatever its order
            ids = _ids(first)
            self._sorts[name] = len(first) >= _PROOF and ids == sorted(ids)
            if not self._sorts[name]:
                return None
            if marker is None:
                return first
        return _after(driver, kind, limit, marker)


def _after(driver: Any, kind: _Kind, limit: int, marker: str | None) -> Items | None:
    try:
        found, _ = _ask(driver, kind, limit, marker)
    except Exception as error:
        # The item that the marker names may have been deleted: the cloud then cannot start after
        # it.
        if marker is None or getattr(error, "code", None) not in _BAD_MARKER:
            raise
        return None
    ids = _ids(found)
    is_right = ids == sorted(set(ids)) and (marker is None or not ids or ids[0] > marker)
    return found if is_right else None


def _ask(driver: Any, kind: _Kind, limit: int, marker: str | None) -> tuple[Items, bool]:
    """Return this many items, or fewer at the end, and whether that end was reached."""
    connection = getattr(driver, kind.connection)
    found: Items = []
    while True:
        params = {**kind.params, "limit": str(limit - len(found))}
        if marker is not None:
            params["marker"] = marker
        page = connection.request(kind.path, params=params).object
        items = page.get(kind.key) if isinstance(page, Mapping) else None
        if not isinstance(items, list):
            raise InvalidAnswer("The cloud returned an answer without the list")
        found += items
        has_more = bool(page.get("next") or page.get(f"{kind.key}_links"))
        # The cloud's own limit may be lower than the requested one.
        if not items or not has_more or len(found) >= limit:
            return found, not has_more and len(found) < limit
        marker = _ids(found)[-1]


class _NoId(Exception):
    """Error: an item has no id; reading the whole list reports which one."""


def _ids(items: Items) -> list[str]:
    try:
        return [str(item["id"]) for item in items]
    except (LookupError, TypeError) as error:
        raise _NoId from error
