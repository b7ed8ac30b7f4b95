"""Rules for the pages of APIs that use JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_core import InvalidAnswer
from orchestrator_libcloud.paging.paging import More, Rule, cut_short, query

_AROUND: Final = frozenset({"links", "meta", "metadata", "warning", "warnings", "unreachables"})
"""Keys of a page besides its items."""


class JsonPages(Rule):
    """Pages that are objects with lists in them; each page must have the lists of the first.

    Args:
        further: takes a page and returns what to request next.
        depth: the number of levels of objects around the lists.
        strict: whether each page has every list, even if it is empty.
        drop: the key that would make the driver itself request more.
    """

    def __init__(
        self,
        further: Callable[[Any], More | None],
        *,
        depth: int = 1,
        strict: bool = True,
        drop: tuple[str, ...] = (),
    ) -> None:
        self._further = further
        self._depth = depth
        self._strict = strict
        self._drop = drop

    def items(self, page: Any) -> Any:
        """Return the lists of a page."""
        if not isinstance(page, dict):
            return page
        found = {key: value for key, value in page.items() if _is_collection(key, value)}
        return found if any(found.values()) else {}

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Return the result of the API's own function; a page that is not an object is complete."""
        return self._further(page) if isinstance(page, dict) else None

    def join(self, whole: Any, page: Any) -> None:
        """Add the lists of a page to those of the first."""
        if self._strict and self._missing(whole, page):
            raise InvalidAnswer("The cloud returned a page without its list")
        add(whole, page, self._depth)

    def _missing(self, whole: Any, page: Any) -> bool:
        wanted = {key for key, value in whole.items() if _is_collection(key, value)}
        return not isinstance(page, dict) or not wanted <= page.keys()

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return the first answer, with all lists in it.

        Raises:
            InvalidAnswer: there is no list.
        """
        if isinstance(whole, dict):
            if self._strict and not any(_is_collection(*item) for item in whole.items()):
                raise InvalidAnswer("The cloud returned an answer without the list")
            for key in self._drop:
                whole.pop(key, None)
        return answer


def _is_collection(key: str, value: Any) -> bool:
    return isinstance(value, list | dict) and key not in _AROUND and not key.endswith("_links")


def add(whole: dict[str, Any], page: dict[str, Any], depth: int) -> None:
    """Add the lists of a page to those of another, through this many levels of objects."""
    for key, value in page.items():
        if key in _AROUND or key.endswith("_links"):
            continue
        known = whole.setdefault(key, value)
        if known is value:
            continue
        if isinstance(known, list) and isinstance(value, list):
            known.extend(value)
        elif depth > 0 and isinstance(known, dict) and isinstance(value, dict):
            add(known, value, depth - 1)


def azure(page: Any) -> More | None:
    """Follow Azure's ``nextLink``, which is the full address of the next page."""
    link = page.get("nextLink")
    return More(query(link), urlsplit(link).path) if link else None


def digitalocean(page: Any) -> More | None:
    """Follow DigitalOcean's ``links.pages.next``; 20 or ``per_page`` items a page."""
    link = page.get("links", {}).get("pages", {}).get("next")
    return More(query(link)) if link else None


def linode(page: Any) -> More | None:
    """Count Linode's ``page`` up to ``pages``; 100 or ``page_size`` items a page."""
    if "pages" not in page:
        raise InvalidAnswer("The cloud does not say how many pages the list has")
    return More({"page": page["page"] + 1}) if page["page"] < page["pages"] else None


def equinix(page: Any) -> More | None:
    """Count Equinix Metal's ``meta.current_page`` up to ``meta.last_page``.

    A page has 10 or ``per_page`` items.
    """
    meta = page.get("meta") or {}
    current, last = meta.get("current_page", 1), meta.get("last_page", 1)
    return More({"page": current + 1}) if current < last else None


def vultr(page: Any) -> More | None:
    """Follow Vultr's cursor in ``meta.links.next``; 100 or ``per_page`` items a page."""
    cursor = page["meta"]["links"]["next"]
    return More({"cursor": cursor}) if cursor else None


def openstack(page: Any) -> More | None:
    """Follow OpenStack's links: Nova's ``servers_links`` etc., 1000 a page; Glance's ``next``.

    Glance's pages have 25 items.
    """
    links = [
        link["href"]
        for key, value in page.items()
        if key.endswith("_links") and isinstance(value, list)
        for link in value
        if link.get("rel") == "next"
    ]
    link = links[0] if links else page.get("next")
    return More(query(link)) if link else None


class Openstack(JsonPages):
    """OpenStack, and Rackspace.

    Rackspace's first API uses XML and returns at most a thousand items, without a link.
    """

    _MOST: Final = 1000

    def __init__(self) -> None:
        super().__init__(openstack, drop=("next",))

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse a full page without a link; remove the links that the driver would follow."""
        if isinstance(whole, dict):
            for key in [key for key in whole if key.endswith("_links")]:
                whole.pop(key)
        elif len(whole) >= self._MOST:
            raise cut_short()
        return super().finish(whole, answer)


class Vultr(JsonPages):
    """Vultr; its first API returns everything at once."""

    def __init__(self) -> None:
        super().__init__(vultr)

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Follow the cursor; an object of objects by their ids is the first API's complete list."""
        return None if _is_by_id(page) else super().more(page, answer, asked)

    def finish(self, whole: Any, answer: Any) -> Any:
        """Remove the cursor that the driver would follow."""
        if isinstance(whole, dict) and not _is_by_id(whole):
            whole["meta"]["links"]["next"] = ""
        return super().finish(whole, answer)


def _is_by_id(page: Any) -> bool:
    is_object = isinstance(page, dict) and bool(page) and "meta" not in page
    return is_object and all(isinstance(value, dict) for value in page.values())
