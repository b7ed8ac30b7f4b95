"""The headers of answers, described once for all routes of the OpenAPI documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from orchestrator_core.api.shared.description import Description

COMPONENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Assignment-ETag": "The generation of the assignment in quotes, for `If-Match`; absent "
        "where the database does not record the assignment.",
        "Successor": 'The route that replaces this one, with `rel="successor-version"`.',
        "Allow": "The methods that the route serves.",
        "Deprecation": "The time since when the route is deprecated (RFC 9745).",
        "ETag": "The version of the answer, for `If-None-Match`.",
        "Idempotency-Replayed": "`true` if this is the first answer to the Idempotency-Key again.",
        "Link": "The address of the next page, as a path from the root of the host, with "
        '`rel="next"`; absent on the last page.',
        "Location": "The address of what was made, as a path from the root of the host: the "
        "operation (202) or the VM (201).",
        "Operation-Id": "The id of the operation.",
        "Preference-Applied": "The preference of `Prefer` that this answer follows.",
        "Retry-After": "The seconds to wait before the next request.",
        "WWW-Authenticate": "`Bearer`: the request needs a valid token.",
        "X-Request-ID": "The id under which the server's log has the request.",
    }
)
"""The descriptions of headers, by the name of their component in a document."""

_FIRST_ERROR: Final = 400

_OF_STATUSES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "202": ("Location", "Retry-After", "Idempotency-Replayed"),
        "304": ("ETag",),
        "401": ("WWW-Authenticate",),
        "405": ("Allow",),
        "429": ("Retry-After",),
        "503": ("Retry-After",),
    }
)


def headers_of(about: Description, status: str) -> dict[str, Any]:
    """Return the headers of an answer, by name.

    Args:
        about: the description of the method.
        status: the status of the answer.
    """
    # Errors have it too; a table of one line for each of a dozen statuses would hide the rest.
    always = ("X-Request-ID",) if int(status) < _FIRST_ERROR else ()
    names = sorted({*always, *_OF_STATUSES.get(status, ()), *_of_success(about, status)})
    found = {name: _component(name) for name in names}
    if status == "202" and "Prefer" in about.headers:
        found["Preference-Applied"] = _component("Preference-Applied")
    if status in (str(about.status), "202") and about.shows_operation:
        found["Operation-Id"] = _component("Operation-Id")
    if about.is_versioned and status == str(about.status):
        found["ETag"] = _component("Assignment-ETag")
    if about.successor:
        found |= {"Deprecation": _component("Deprecation"), "Link": _component("Successor")}
    return found


def _of_success(about: Description, status: str) -> Iterator[str]:
    if status != str(about.status):
        return
    if "If-None-Match" in about.headers:
        yield "ETag"
    if "cursor" in about.query:
        yield "Link"
    if status == "201":
        yield "Location"
    if "Idempotency-Key" in about.headers:
        yield "Idempotency-Replayed"


def _component(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}
