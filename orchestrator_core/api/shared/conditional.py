"""Conditional requests: ``ETag`` and ``If-None-Match`` (RFC 9110, 8.8.3 and 13.1.2)."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from orchestrator_core.api.resource import Request, Response

_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def etag_of(body: bytes) -> str:
    """Return the entity tag of an answer's body."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def is_unchanged(req: Request, etag: str) -> bool:
    """Return whether the caller has this answer already (RFC 9110, 13.1.2)."""
    given = req.get_header("If-None-Match")
    if given is None:
        return False
    return given.strip() == "*" or etag in (tag.removeprefix("W/") for tag in _TAG.findall(given))


def answer_unchanged(resp: Response, etag: str) -> None:
    """Answer that the caller has this answer already."""
    resp.status = 304
    resp.set_header("ETag", etag)
    resp.content_type = None  # Falcon leaves the header out then
    resp.data = b""
