"""Rules for providers whose lists have their own kind of pages."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

from orchestrator_core import CloudError
from orchestrator_libcloud.paging.paging import More, Rule, cut_short, query
from orchestrator_libcloud.paging.paging_json import JsonPages, add
from orchestrator_libcloud.paging.paging_unpaged import headers_of, links_from

_OK: Final = 200
_FULL_PAGE: Final = 500


class Scaleway(JsonPages):
    """Scaleway: the ``Link`` header, or ``X-Total-Count``; 50 or ``per_page`` items a page."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self._so_far = 0

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Follow the link if there is one, else count."""
        here = sum(len(value) for value in self.items(page).values())
        self._so_far = here if asked == 1 else self._so_far + here
        headers = headers_of(answer)
        if "next" in (links := links_from(headers)):
            return More(query(links["next"]["url"]))
        if self._so_far >= int(headers.get("x-total-count", 0)):
            return None
        if not here:
            raise cut_short()
        return More({"page": asked + 1})


class Cloudstack(Rule):
    """CloudStack: ``page`` and ``pagesize``, by default ``default.page.size`` (500) items a page.

    The number of items in the first answer is the page size, because larger pages are refused.
    ``count`` is the number of all items; in old versions it may be that of the page.
    """

    def __init__(self) -> None:
        self._size = self._so_far = 0

    def items(self, page: Any) -> Any:
        """Return the only list of a page."""
        inner = next(iter(page.values()), None) if isinstance(page, dict) else None
        lists = [value for value in (inner or {}).values() if isinstance(value, list)]
        return lists[0] if lists else []

    def more(self, page: Any, answer: Any, asked: int) -> More | None:
        """Continue until ``count`` is reached.

        After a full page, check whether ``count`` was only that of the page.
        """
        here = len(self.items(page))
        if asked == 1:
            self._size, self._so_far = here, 0
        self._so_far += here
        full = here > 0 and here % _FULL_PAGE == 0
        if not full and self._so_far >= next(iter(page.values())).get("count", 0):
            return None
        if not here:
            raise cut_short()
        return More({"page": asked + 1, "pagesize": self._size})

    def join(self, whole: Any, page: Any) -> None:
        """Add the list of a page to that of the first."""
        self.items(whole).extend(self.items(page))


class Google(JsonPages):
    """Google: ``nextPageToken``, 500 items a page; a zone that could not answer is an error.

    A ``warning`` on a page, or beside the items of one zone, says that something is missing there.
    Its code is usually UNREACHABLE, and not all codes are documented.
    """

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
        """Return a page, if every zone answered.

        Raises:
            CloudError: a zone did not answer.
        """
        page = answer.object
        if isinstance(page, dict) and _unreachable(page):
            raise CloudError(
                "A part of the cloud cannot be reached, so the list would be incomplete",
                transient=True,
            )
        return page


def _google(page: Any) -> More | None:
    token = page.get("nextPageToken")
    return More({"pageToken": token}) if token else None


_HARMLESS: Final = frozenset(
    {
        None,
        "DEPRECATED_RESOURCE_USED",
        "DEPRECATED_TYPE_USED",
        "EXPERIMENTAL_TYPE_USED",
        "INJECTED_KERNELS_DEPRECATED",
        "NO_RESULTS_ON_PAGE",
    }
)
"""Codes of warnings that do not mean missing items."""


def _unreachable(page: dict[str, Any]) -> bool:
    items = page.get("items")
    parts = [page, *(items.values() if isinstance(items, dict) else ())]
    codes = {(part.get("warning") or {}).get("code") for part in parts if isinstance(part, dict)}
    return bool(page.get("unreachables")) or not codes <= _HARMLESS


class Outscale(Rule):
    """Outscale: ``NextPageToken`` in the body of a request and of its answer."""

    def read(self, answer: Any) -> Any:
        """Return a page.

        Raises:
            BaseHTTPError: the answer is an error; the driver would pass it on as a list.
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
        add(whole, page, 0)

    def finish(self, whole: Any, answer: Any) -> Any:
        """Return an answer in the form that the driver reads."""
        return SimpleNamespace(status_code=_OK, json=lambda: whole)
