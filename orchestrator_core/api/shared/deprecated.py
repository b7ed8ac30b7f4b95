"""The headers of answers at routes that a later version of the API replaces (RFC 9745)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from orchestrator_core.api.resource import Request, Response

_SINCE: Final = 1_795_910_400
"""2026-11-29, when version 2 took over the first routes; in seconds since 1970."""

_DEFAULT: Final = {"cloud": "default"}
"""The segments of a successor that a path of version 1 may leave out."""


def tell_successor(
    req: Request, resp: Response, successor: str, segments: Mapping[str, str]
) -> None:
    """Set the headers that say since when a route is deprecated, and what replaces it.

    Args:
        req: the request.
        resp: its answer.
        successor: the path of the route that replaces it, with its segments in braces.
        segments: the segments of the requested path.
    """
    filled = {name: quote(value, safe="") for name, value in {**_DEFAULT, **segments}.items()}
    resp.set_header("Deprecation", f"@{_SINCE}")
    target = f"{req.root_path}{successor.format_map(filled)}"
    resp.set_header("Link", f'<{target}>; rel="successor-version"')
