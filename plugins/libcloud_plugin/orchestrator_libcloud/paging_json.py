"""How the lists of the APIs that speak JSON go on."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_core import CloudError, NonsenseAnswer
from orchestrator_libcloud.paging import More, Rule, cut_short, query

_OK: Final = 200
_FULL_PAGE: Final = 500
_NEXT: Final = (
    "next",
    "next_page",
    "nextLink",
    "nextPageToken",
    "NextPageToken",
    "NextToken",
    "continue",
)
_TOTAL: Final = ("total", "total_count", "totalCount")
_AROUND: Final = frozenset({"links", "meta", "metadata", "warning", "warnings", "unreachables"})
"""What is on a page besides its items."""


def links_from(headers: Any) -> Mapping[str, Any]:
    """Return the links of a ``Link`` header by their relation."""
    found = importlib.import_module("requests.utils").parse_header_links(headers.get("link", ""))
    return {link["rel"]: link for link in found if "rel" in link and "url" in link}


def _header(answer: Any) -> Mapping[str, str]:
    headers: Mapping[str, str] = getattr(answer, "headers", None) or {}
    return headers


class Unpaged(Rule):
    """An API that gives whole lists, as far as is known; a sign of more is an error."""

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse an answer that points to more.

        Raises:
            CloudError: when a link, a token or a total says that there is more.
        """
        headers = _header(answer)
        more = "next" in links_from(headers)
        if isinstance(whole, list):
            more |= int(headers.get("x-total-count", 0)) > len(whole)
        elif isinstance(whole, dict):
            more |= _points_on(whole)
        if more:
            raise cut_short()
        return answer


class FullPage(Rule):
    """An API that says nothing of more: a page that is full may have been cut off.

    Args:
        size: how many items a full page has.
    """

    def __init__(self, size: int) -> None:
        self._size = size

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse a list that is as long as a page, or several.

        Raises:
            CloudError: when it is.
        """
        if isinstance(whole, list) and whole and len(whole) % self._size == 0:
            raise cut_short()
        return answer


def _points_on(page: dict[str, Any]) -> bool:
    links = page.get("links")
    around = [page, links, *(page.get(name) for name in ("_links", "meta", "metadata"))]
    around += [part.get("pages") for part in (links, page.get("meta")) if isinstance(part, dict)]
    found = [part for part in around if isinstance(part, dict)]
    if any(part.get(name) for part in found for name in _NEXT):
        return True
    lists = [value for value in page.values() if isinstance(value, list)]
    totals = [part.get(name) for part in found for name in _TOTAL]
    known = [total for total in totals if isinstance(total, int)]
    return len(lists) == 1 and any(total > len(lists[0]) for total in known)


class JsonPages(Rule):
    """Pages that are objects with lists in them; a page must have the lists of the first.

    Args:
        further: takes a page and says what comes next.
        depth: how many levels of objects the lists are in.
        strict: whether each page has every list, be it empty.
        drop: what would send the driver itself for more.
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
        """Ask the API's own function; what is no object is whole."""
        return self._further(page) if isinstance(page, dict) else None

    def join(self, whole: Any, page: Any) -> None:
        """Add the lists of a page to those of the first."""
        if self._strict and self._missing(whole, page):
            raise NonsenseAnswer("The cloud gave a page of a list without the list")
        _add(whole, page, self._depth)

    def _missing(self, whole: Any, page: Any) -> bool:
        wanted = {key for key, value in whole.items() if _is_collection(key, value)}
        return not isinstance(page, dict) or not wanted <= page.keys()

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return the first answer, all lists in it."""
        if isinstance(whole, dict):
            for key in self._drop:
                whole.pop(key, None)
        return answer


def _is_collection(key: str, value: Any) -> bool:
    return isinstance(value, list | dict) and key not in _AROUND and not key.endswith("_links")


def _add(whole: dict[str, Any], page: dict[str, Any], depth: int) -> None:
    for key, value in page.items():
        if key in _AROUND or key.endswith("_links"):
            continue
        known = whole.setdefault(key, value)
        if known is value:
            continue
        if isinstance(known, list) and isinstance(value, list):
            known.extend(value)
        elif depth > 0 and isinstance(known, dict) and isinstance(value, dict):
            _add(known, value, depth - 1)


def azure(page: Any) -> More | None:
    """Azure: ``nextLink`` is the whole address of the next page."""
    link = page.get("nextLink")
    return More(query(link), urlsplit(link).path) if link else None


def digitalocean(page: Any) -> More | None:
    """DigitalOcean: ``links.pages.next``, 20 or ``per_page`` at a time."""
    link = page.get("links", {}).get("pages", {}).get("next")
    return More(query(link)) if link else None


def linode(page: Any) -> More | None:
    """Linode: ``page`` of ``pages``, 100 or ``page_size`` at a time."""
    if "pages" not in page:
        raise NonsenseAnswer("The cloud does not say of a list how many pages it has")
    return More({"page": page["page"] + 1}) if page["page"] < page["pages"] else None


def equinix(page: Any) -> More | None:
    """Equinix Metal: ``meta.current_page`` of ``meta.last_page``, 10 or ``per_page`` at a time."""
    meta = page.get("meta") or {}
    current, last = meta.get("current_page", 1), meta.get("last_page", 1)
    return More({"page": current + 1}) if current < last else None


def vultr(page: Any) -> More | None:
    """Vultr: ``meta.links.next`` is the cursor, 100 or ``per_page`` at a time."""
    cursor = page["meta"]["links"]["next"]
    return More({"cursor": cursor}) if cursor else None


def openstack(page: Any) -> More | None:
    """OpenStack: ``servers_links`` and the like of Nova, 1000 at a time; Glance's ``next``, 25."""
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
    """OpenStack; Rackspace's first API speaks XML and gives a thousand at most, without a link."""

    _MOST: Final = 1000

    def __init__(self) -> None:
        super().__init__(openstack, drop=("next",))

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse a full page without a link; take off the links that the driver would follow."""
        if isinstance(whole, dict):
            for key in [key for key in whole if key.endswith("_links")]:
                whole.pop(key)
        elif len(whole) >= self._MOST:
            raise cut_short()
        return super().finish(whole, answer)


class Vultr(JsonPages):
    """Vultr; its first API gives everything at once."""

    def __init__(self) -> None:
        super().__init__(vultr)

    def finish(self, whole: Any, answer: Any) -> Any:
        """Take off the cursor that the driver would follow."""
        if isinstance(whole, dict):
            whole["meta"]["links"]["next"] = ""
        return answer


class Scaleway(JsonPages):
    """Scaleway: the ``Link`` header, or ``X-Total-Count``; 50 or ``per_page`` at a time."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self._so_far = 0

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Follow the link, else count."""
        here = sum(len(value) for value in self.items(page).values())
        self._so_far = here if asked == 1 else self._so_far + here
        headers = _header(answer)
        if "next" in (links := links_from(headers)):
            return More(query(links["next"]["url"]))
        if self._so_far >= int(headers.get("x-total-count", 0)):
            return None
        if not here:
            raise cut_short()
        return More({"page": asked + 1})


class Cloudstack(Rule):
    """CloudStack: ``page`` and ``pagesize``, by default ``default.page.size`` (500) at a time.

    What comes at once is the size of a page; larger ones are refused. ``count`` is of all.
    """

    def __init__(self) -> None:
        self._size = self._so_far = 0

    def items(self, page: Any) -> Any:
        """Return the only list of a page."""
        inner = next(iter(page.values()), None) if isinstance(page, dict) else None
        lists = [value for value in (inner or {}).values() if isinstance(value, list)]
        return lists[0] if lists else []

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Go on until ``count`` is reached, or nothing comes any more."""
        here = len(self.items(page))
        if asked == 1:
            self._size, self._so_far = here, 0
        self._so_far += here
        count = next(iter(page.values())).get("count")
        if count is None and here and here % _FULL_PAGE == 0:
            raise cut_short()
        if self._so_far >= (count or 0):
            return None
        if not here:
            raise cut_short()
        return More({"page": asked + 1, "pagesize": self._size})

    def join(self, whole: Any, page: Any) -> None:
        """Add the list of a page to that of the first."""
        self.items(whole).extend(self.items(page))


class Google(JsonPages):
    """Google: ``nextPageToken``, 500 at a time; what a zone could not tell is an error."""

    _NOT_THERE: Final = (403, 404)

    def __init__(self) -> None:
        super().__init__(_google, depth=3, strict=False, drop=("nextPageToken",))

    def start(
        self, request: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Take over the parameters with which the driver would page itself."""
        connection: Any = getattr(request, "__self__", None)
        own, connection.gce_params = connection.gce_params, None
        return self.again(args, kwargs, More(own or {}))

    def read(self, answer: Any) -> Any:
        """Return a page, if every zone had its say.

        Raises:
            CloudError: when one did not.
        """
        page = answer.object
        if isinstance(page, dict) and _unreachable(page):
            raise CloudError(
                "A part of the cloud cannot be reached: the list would not be whole", transient=True
            )
        return page

    def tolerates(self, error: Exception) -> bool:
        """Allow that a public project of images is gone or closed."""
        return getattr(error, "http_code", getattr(error, "code", None)) in self._NOT_THERE


def _google(page: Any) -> More | None:
    token = page.get("nextPageToken")
    return More({"pageToken": token}) if token else None


def _unreachable(page: dict[str, Any]) -> bool:
    items = page.get("items")
    parts = [page, *(items.values() if isinstance(items, dict) else ())]
    codes = {(part.get("warning") or {}).get("code") for part in parts if isinstance(part, dict)}
    return bool(page.get("unreachables")) or "UNREACHABLE" in codes


class Outscale(Rule):
    """Outscale: ``NextPageToken`` in the body of a request and its answer."""

    def read(self, answer: Any) -> Any:
        """Return a page.

        Raises:
            BaseHTTPError: for an answer that is an error; the driver would hand it on as a list.
        """
        if answer.status_code != _OK:
            make = importlib.import_module("libcloud.common.exceptions").exception_from_message
            raise make(answer.status_code, "refused", headers=answer.headers)
        return answer.json()

    def items(self, page: Any) -> Any:
        """Return the lists of a page."""
        return [value for value in page.values() if isinstance(value, list) and value]

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Follow the token."""
        token = page.get("NextPageToken")
        return More({"NextPageToken": token}) if token else None

    def again(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], more: More
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put the token into the body."""
        action, data = args
        return (action, json.dumps({**json.loads(data), **more.params})), kwargs

    def join(self, whole: Any, page: Any) -> None:
        """Add the lists of a page to those of the first."""
        _add(whole, page, 0)

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return an answer such as the driver reads it."""
        return SimpleNamespace(status_code=_OK, json=lambda: whole)
