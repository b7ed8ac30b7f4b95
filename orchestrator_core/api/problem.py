"""The body of an error: the five keys, and the fixed phrases of each status."""

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
"""The short and the long phrase of every status that can be answered, as in Python 3.11's
http.server. They are copied here because later versions of Python word some of them differently.
"""


def problem(
    status: int, message: str, code: str | None = None, details: Mapping[str, Any] | None = None
) -> bytes:
    """Return the redacted JSON body of an error; every error is sent through this function.

    Args:
        status: the HTTP status, one of :data:`PHRASES`.
        message: the description of the fault for people.
        code: the stable error code for programs; omitted where version 1 documents the error with
            exactly five keys.
        details: further keys of the body.
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
    # A text that contains half a surrogate cannot be encoded as UTF-8.
    body["message"] = redact(message).encode("utf-8", "replace").decode("utf-8")
    return orjson.dumps({**body, **_redacted(details or {})}, default=str)


def _redacted(value: Any) -> Any:
    """Return the value with every text in it redacted, at any depth."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
