"""Rules for APIs whose lists are complete as far as is known, and for signs of further items."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import CloudError
from orchestrator_libcloud.paging.paging import Rule, cut_short

_OK: Final = 200
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


def links_from(headers: Any) -> Mapping[str, Any]:
    """Return the links of a ``Link`` header by their relation."""
    found = importlib.import_module("requests.utils").parse_header_links(headers.get("link", ""))
    return {link["rel"]: link for link in found if "rel" in link and "url" in link}


def headers_of(answer: Any) -> Mapping[str, str]:
    """Return the headers of a driver's answer, with names in lower case."""
    headers: Mapping[str, str] = getattr(answer, "headers", None) or {}
    return headers


class Unpaged(Rule):
    """API whose lists are complete as far as is known; a sign of further items is an error."""

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse an answer that points to further items.

        Raises:
            CloudError: a link, a token or a total says that the list continues.
        """
        headers = headers_of(answer)
        more = "next" in links_from(headers)
        if isinstance(whole, list):
            more |= int(headers.get("x-total-count", 0)) > len(whole)
        elif isinstance(whole, dict):
            more |= _points_on(whole)
        if more:
            raise cut_short()
        return answer


class Kubernetes(Unpaged):
    """Kubernetes; Libcloud leaves out a namespace whose answer has a status other than 200."""

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse an answer that is not a complete list.

        Raises:
            CloudError: the answer has another status, or points to further items.
        """
        if answer.status != _OK:
            raise CloudError("The cloud accepted a request for a list but returned no list")
        return super().finish(whole, answer)


class FullPage(Rule):
    """API without a sign of further items: a full page may have been cut off.

    Args:
        size: the number of items on a full page.
    """

    def __init__(self, size: int) -> None:
        self._size = size

    def finish(self, whole: Any, answer: Any) -> Any:
        """Refuse a list that is exactly as long as one or several pages.

        Raises:
            CloudError: the list is that long.
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
