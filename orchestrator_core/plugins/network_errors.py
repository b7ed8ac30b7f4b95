"""The contract's errors for exceptions of HTTP clients that a plugin did not catch.

The clients are recognised by the names of their classes, so that none of them is imported.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from orchestrator_core.errors import CloudError, CloudTimeout, CloudUnreachable

_TIMEOUTS: Final = frozenset(
    {
        "requests.Timeout",
        "httpx.TimeoutException",
        "httpx2.TimeoutException",
        "urllib3.TimeoutError",
        "urllib3.ReadTimeoutError",
        "urllib3.ConnectTimeoutError",
        "aiohttp.ServerTimeoutError",
        "botocore.ReadTimeoutError",
        "botocore.ConnectTimeoutError",
    }
)
_NO_CONNECTION: Final = frozenset(
    {
        "requests.ConnectionError",
        "requests.ChunkedEncodingError",
        "requests.ContentDecodingError",
        "httpx.TransportError",
        "httpx2.TransportError",
        "http.HTTPException",
        "urllib.URLError",
        "urllib.ContentTooShortError",
        "urllib3.HTTPError",
        "aiohttp.ClientConnectionError",
        "aiohttp.ClientPayloadError",
        "botocore.HTTPClientError",
    }
)
_STATUS: Final = frozenset(
    {
        "requests.HTTPError",
        "httpx.HTTPStatusError",
        "httpx2.HTTPStatusError",
        "urllib.HTTPError",
        "aiohttp.ClientResponseError",
    }
)
_PROGRAMMING: Final = frozenset({"http.InvalidURL", "http.CannotSendRequest", "http.NotConnected"})
"""Mistakes in the use of a client, which say nothing about the cloud."""

_NO_ROUTE: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ECONNREFUSED}
)
_SERVER_ERROR: Final = 500


def translated(error: BaseException, title: str, hook: str) -> tuple[CloudError, str] | None:
    """Return the contract's error for a client's exception, and a hint for the plugin's author.

    Args:
        error: the exception of the hook.
        title: the beginning of the message, for example ``Cloud aws``.
        hook: the hook that raised the exception.

    Returns:
        The error and the hint; None for an exception that says nothing about the network.
    """
    names = _names(error)
    if names & _PROGRAMMING:
        return None
    kind = _kind(error, names)
    if kind is None:
        return None
    what = "gave no answer in time" if kind is CloudTimeout else "could not be reached"
    hint = f"catch {type(error).__name__} in {hook} and raise orchestrator_core.{kind.__name__}"
    return kind(f"{title} {what} in {hook} ({type(error).__name__})"), hint


def _kind(error: BaseException, names: frozenset[str]) -> type[CloudError] | None:
    if names & _STATUS:
        return CloudUnreachable if _status(error) >= _SERVER_ERROR else None
    reason = getattr(error, "reason", None)  # an attribute of urllib's URLError
    if isinstance(error, TimeoutError) or isinstance(reason, TimeoutError) or names & _TIMEOUTS:
        return CloudTimeout
    broken = isinstance(error, ConnectionError | socket.gaierror | socket.herror | ssl.SSLError)
    no_route = isinstance(error, OSError) and error.errno in _NO_ROUTE
    return CloudUnreachable if broken or no_route or names & _NO_CONNECTION else None


def _names(error: BaseException) -> frozenset[str]:
    """Return the package and name of each class of an exception, such as ``requests.Timeout``."""
    classes = type(error).__mro__
    return frozenset(f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in classes)


def _status(error: BaseException) -> int:
    """Return the HTTP status in an exception; 0 when it has none."""
    answer = getattr(error, "response", None)
    found = (
        getattr(answer, "status_code", None),
        getattr(error, "code", None),
        getattr(error, "status", None),
    )
    return next((status for status in found if isinstance(status, int)), 0)
