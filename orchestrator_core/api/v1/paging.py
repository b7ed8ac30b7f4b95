"""``limit`` and ``marker``: a part of a list, and the beginning of the next part."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeVar

from orchestrator_core.api.resource import Request
from orchestrator_core.errors import InvalidParameter

_LIMIT = re.compile(r"[1-9][0-9]{0,8}")

MOST_ROWS: Final = 1000
"""The largest limit. A row may be some KiB long, and all rows are read and shaped at once."""

_MOST_TEXT = 1024


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """A requested part of a list; equal for equal requests.

    Attributes:
        limit: the most items; None for all.
        marker: the id after which the part begins; None for the beginning.
    """

    limit: int | None = None
    marker: str | None = None

    @property
    def whole(self) -> bool:
        """Return whether the whole list is requested, in the cloud's own order."""
        return self.limit is None and self.marker is None

    def of(self, things: Sequence[T], key: str = "id") -> tuple[Sequence[T], str | None]:
        """Return this part of a list and the marker of the next part; None after the last.

        The list is sorted by the id that the things have under the key. Things that appear or
        disappear between two requests therefore neither hide nor repeat other things. The thing
        that the marker names may be gone.
        """
        identity: Callable[[T], str] = attrgetter(key)
        rest = [
            thing
            for thing in sorted(things, key=identity)
            if self.marker is None or identity(thing) > self.marker
        ]
        part = rest[: self.limit]
        return part, identity(part[-1]) if len(part) < len(rest) else None


WHOLE = Page()


def page_of(req: Request) -> Page:
    """Return the part that a request asks for.

    Raises:
        InvalidParameter: naming the parameter and its fault.
    """
    if not req.query_string:
        return WHOLE
    limit, marker = one_of(req, "limit"), one_of(req, "marker")
    if limit is not None and not (_LIMIT.fullmatch(limit) and int(limit) <= MOST_ROWS):
        raise InvalidParameter("limit", f"must be a whole number from 1 to {MOST_ROWS}")
    if marker is not None and ("\0" in marker or not 0 < len(marker) <= _MOST_TEXT):
        raise InvalidParameter("marker", f"must be an id, of 1 to {_MOST_TEXT} characters")
    return Page(None if limit is None else int(limit), marker)


def one_of(req: Request, name: str) -> str | None:
    """Return a parameter of the query that is allowed only once, or None without it.

    Raises:
        InvalidParameter: when it is repeated.
    """
    value = req.params.get(name)
    if isinstance(value, list):
        raise InvalidParameter(name, "is given twice")
    return value


PAGING = ("limit", "marker")


def filters_of(
    req: Request, columns: Mapping[str, str], paging: Collection[str] = PAGING
) -> dict[str, str]:
    """Return the filters of a query by column.

    Args:
        req: the request.
        columns: the column for each parameter that a query may have.
        paging: the other parameters that it may have.

    Raises:
        InvalidParameter: naming an unknown parameter; if it were ignored, the list would show too
            much.
    """
    for name in req.params:
        if name not in columns and name not in paging:
            known = ", ".join([*columns, *paging])
            goes_by = f"; the filters are {known}" if known else ""
            raise InvalidParameter(name[:64], f"is not a filter of this list{goes_by}")
    given = {name: one_of(req, name) for name in columns}
    for name, value in given.items():
        if value is not None and "\0" in value:
            raise InvalidParameter(name, "must not contain a NUL character")
    return {columns[name]: value for name, value in given.items() if value is not None}
