"""``limit`` and ``marker``: a part of a list, and where the next one begins."""

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
"""The largest limit. A row may be some KiB long, and all of them are read and shaped at once."""

_MOST_TEXT = 1024


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted; equal for equal wishes.

    Attributes:
        limit: how many at most; None for all.
        marker: the id after which it begins; None for the beginning.
    """

    limit: int | None = None
    marker: str | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the list is wanted, in the cloud's own order."""
        return self.limit is None and self.marker is None

    def of(self, things: Sequence[T], key: str = "id") -> tuple[Sequence[T], str | None]:
        """Return this part of a list, and the marker of the next one; None after the last.

        Parts go by the id that the things have under the key, so that what comes and goes
        between two of them neither hides nor repeats anything else; the marker may be gone.
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
    """Return the part that a request wants.

    Raises:
        InvalidParameter: naming what is wrong.
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
    """Return a parameter of the query that may come once.

    Raises:
        InvalidParameter: when it comes more often.
    """
    value = req.params.get(name)
    if isinstance(value, list):
        raise InvalidParameter(name, "is given twice")
    return value


PAGING = ("limit", "marker")


def filters_of(
    req: Request, columns: Mapping[str, str], paging: Collection[str] = PAGING
) -> dict[str, str]:
    """Return what a query wants of a list, by column.

    Args:
        req: the request.
        columns: the column for each parameter that a query may have.
        paging: what it may have beside that.

    Raises:
        InvalidParameter: naming what is not known: ignored, it would show too much.
    """
    for name in req.params:
        if name not in columns and name not in paging:
            known = ", ".join([*columns, *paging])
            goes_by = f"; it goes by {known}" if known else ""
            raise InvalidParameter(name[:64], f"is nothing that this list goes by{goes_by}")
    given = {name: one_of(req, name) for name in columns}
    for name, value in given.items():
        if value is not None and "\0" in value:
            raise InvalidParameter(name, "must not contain a NUL character")
    return {columns[name]: value for name, value in given.items() if value is not None}
