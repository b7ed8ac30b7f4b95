"""HTTP to servers on this machine, on a connection for each request or on those of a client.

Nobody's certificates are read, which would take 25 ms for each client, and a machine that is
busy with other things may take its time.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx2

PATIENCE: Final = 30.0

_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(base_url: str = "", timeout: float = PATIENCE, **more: Any) -> httpx2.Client:
    """Return a client; the caller closes it."""
    return httpx2.Client(base_url=base_url, timeout=timeout, verify=_NO_TLS, **more)


def request(method: str, url: str, **more: Any) -> httpx2.Response:
    """Make one request on a connection of its own."""
    with client() as once:
        return once.request(method, url, **more)


def get(url: str, **more: Any) -> httpx2.Response:
    return request("GET", url, **more)


def post(url: str, **more: Any) -> httpx2.Response:
    return request("POST", url, **more)


def put(url: str, **more: Any) -> httpx2.Response:
    return request("PUT", url, **more)
