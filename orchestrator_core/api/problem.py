"""An error as callers see it: the five keys, and the fixed phrases of their statuses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from orchestrator_core.redaction import redact

PHRASES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        400: ("Bad Request", "Bad request syntax or unsupported method"),
        401: ("Unauthorized", "No permission -- see authorization schemes"),
        403: ("Forbidden", "Request forbidden -- authorization will not help"),
        404: ("Not Found", "Nothing matches the given URI"),
        408: ("Request Timeout", "Request timed out; try again later"),
        409: ("Conflict", "Request conflict"),
        413: ("Request Entity Too Large", "Entity is too large"),
        414: ("Request-URI Too Long", "URI is too long"),
        415: ("Unsupported Media Type", "Entity body in unsupported format"),
        422: ("Unprocessable Entity", ""),
        429: (
            "Too Many Requests",
            'The user has sent too many requests in a given amount of time ("rate limiting")',
        ),
        431: (
            "Request Header Fields Too Large",
            (
                "The server is unwilling to process the request "
                "because its header fields are too large"
            ),
        ),
        500: ("Internal Server Error", "Server got itself in trouble"),
        501: ("Not Implemented", "Server does not support this operation"),
        502: ("Bad Gateway", "Invalid responses from another server/proxy"),
        503: (
            "Service Unavailable",
            "The server cannot process the request due to a high load",
        ),
        504: ("Gateway Timeout", "The gateway server did not receive a timely response"),
    }
)
"""Short and long phrase of every status that can be answered, as Python 3.11's http.server
has them; written down, because later Pythons word some of them differently."""


def problem(
    status: int, message: str, code: str | None = None, details: Mapping[str, Any] | None = None
) -> bytes:
    """Return the JSON body of an error, without secrets: every error leaves through here.

    Args:
        status: one of :data:`PHRASES`.
        message: what went wrong, for people.
        code: one stable word for programs; left out where version 1 documents the
            error with exactly five keys.
        details: further keys.
    """
    short, long = PHRASES[status]
    body: dict[str, Any] = {
        "message": message,
        "status": "error",
        "status_code": status,
        "status_long_message": long,
        "status_short_message": short,
    }
    if code:
        body["error_code"] = code
    # A text with half a surrogate in it cannot be sent as UTF-8.
    body["message"] = redact(message).encode("utf-8", "replace").decode("utf-8")
    return orjson.dumps({**body, **_redacted(details or {})}, default=str)


def _redacted(value: Any) -> Any:
    """Return the same with every text in it redacted, at any depth."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
