"""Pages of a list in version 2, with opaque cursors and the ``Link`` header (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.api.v2.sorting import Position, normal

MOST: Final = 1000
"""The largest limit."""

USUAL: Final = 100
"""The limit of lists of records without one."""

_LIMIT: Final = re.compile("[1-9][0-9]{0,8}")
_PREFIX: Final = "1:"
_SORTED: Final = "2:"
"""The form of a cursor's content: an id, or a place in a sorted list. Other forms are refused."""


@dataclass(frozen=True, slots=True)
class Window:
    """A requested page of a list.

    Attributes:
        limit: the most items; None for all.
        after: the id after which the page begins; None for the beginning.
        position: the place after which the page of a sorted list begins.
    """

    limit: int | None = None
    after: str | None = None
    position: Position | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the page is the whole list."""
        return self.limit is None and self.after is None and self.position is None


def window(given: Mapping[str, str], usual: int | None = None) -> Window:
    """Return the page that a query asks for.

    Args:
        given: the parameters of the query.
        usual: the limit without ``limit``.

    Raises:
        InvalidQuery: for a wrong ``limit`` or ``cursor``.
    """
    limit = given.get("limit")
    if limit is not None and not (_LIMIT.fullmatch(limit) and int(limit) <= MOST):
        raise InvalidQuery("limit", f"must be a whole number from 1 to {MOST}")
    most = usual if limit is None else int(limit)
    cursor = given.get("cursor")
    if cursor is None:
        return Window(most)
    after = _read(cursor)
    order = given.get("sort")
    if isinstance(after, str):
        if order is None:
            return Window(most, after)
    elif order is not None and after.sort == normal(order):
        return Window(most, position=after)
    raise InvalidQuery("cursor", "is that of a list with another sort; begin without a cursor")


def cursor_after(last: str | Position) -> str:
    """Return the cursor of the page that begins after an id, or after a place in a sorted list."""
    text = f"{_PREFIX}{last}" if isinstance(last, str) else f"{_SORTED}{last.text()}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def tell_next(req: Request, resp: Response, given: Mapping[str, str], cursor: str | None) -> None:
    """Set the header with the address of the next page, if there is one."""
    if cursor is None:
        return
    query = urlencode({**given, "cursor": cursor})
    resp.set_header("Link", f'<{req.root_path}{req.path}?{query}>; rel="next"')


def _read(cursor: str) -> str | Position:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if text.startswith(_SORTED):
            return Position.read(text.removeprefix(_SORTED))
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith(_PREFIX) or text == _PREFIX or "\0" in text:
        raise InvalidQuery("cursor", "must be the value of `next` in the page before")
    return text.removeprefix(_PREFIX)
