"""The causes of failed calls, in words for operators: which host, and what the system said."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

_MOST: Final = 20
"""The most exceptions that are looked at; a client may chain any number of them."""


def cause_of(error: BaseException | None) -> str:
    """Return the host and the fault of a network error, or an empty text if it has neither.

    The text has an inner address, so it is for logs and commands, never for callers.

    Args:
        error: the exception of an HTTP client, or of a socket.
    """
    chain = list(_chain(error))
    faults = (_fault(one) for one in reversed(chain))
    hosts = (_host(one) for one in chain)
    found = (next((host for host in hosts if host), ""), next((one for one in faults if one), ""))
    return ": ".join(part for part in found if part)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, and those that it was raised for or that it contains."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _fault(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        # Only OpenSSL's own errors have a reason; without one the attribute is missing.
        return f"TLS: {getattr(error, 'reason', None) or error.strerror or 'failed'}"
    if isinstance(error, socket.gaierror):
        return f"name: {error.strerror}"
    if isinstance(error, TimeoutError):
        return "ETIMEDOUT (no answer in time)"
    if isinstance(error, OSError) and isinstance(error.errno, int):
        return f"{errno.errorcode.get(error.errno, error.errno)} ({error.strerror})"
    return ""


def _host(error: BaseException) -> str:
    """Return the host and the port in an exception of requests, urllib3 or httpx."""
    pool: Any = getattr(error, "pool", None)
    if isinstance(getattr(pool, "host", None), str):
        return f"{pool.host}:{pool.port}"
    with suppress(RuntimeError, ValueError):  # httpx: the request is not set
        url = urlsplit(str(getattr(getattr(error, "request", None), "url", "")))
        return f"{url.hostname}:{url.port}" if url.hostname and url.port else url.hostname or ""
    return ""
