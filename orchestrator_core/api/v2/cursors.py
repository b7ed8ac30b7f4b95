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

MOST: Final = 1000
"""The largest limit."""

USUAL: Final = 100
"""The limit of lists of records without one."""

_LIMIT: Final = re.compile("[1-9][0-9]{0,8}")
_PREFIX: Final = "1:"
"""The version of a cursor's content; a cursor of another version is refused."""


@dataclass(frozen=True, slots=True)
class Window:
    """A requested page of a list.

    Attributes:
        limit: the most items; None for all.
        after: the id after which the page begins; None for the beginning.
    """

    limit: int | None = None
    after: str | None = None


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
    cursor = given.get("cursor")
    return Window(usual if limit is None else int(limit), None if cursor is None else _read(cursor))


def cursor_after(item_id: str) -> str:
    """Return the cursor of the page that begins after the item with this id."""
    return base64.urlsafe_b64encode(f"{_PREFIX}{item_id}".encode()).decode().rstrip("=")


def tell_next(req: Request, resp: Response, given: Mapping[str, str], cursor: str | None) -> None:
    """Set the header with the address of the next page, if there is one."""
    if cursor is None:
        return
    query = urlencode({**given, "cursor": cursor})
    resp.set_header("Link", f'<{req.root_path}{req.path}?{query}>; rel="next"')


def _read(cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith(_PREFIX) or text == _PREFIX or "\0" in text:
        raise InvalidQuery("cursor", "must be the value of `next` in the page before")
    return text.removeprefix(_PREFIX)
