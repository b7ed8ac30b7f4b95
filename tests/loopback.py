"""HTTP to servers on this machine, on one connection a request or a client's kept ones.

No certificates are loaded, which would take 25 ms for each client. The timeouts are generous, since
other programs may use the machine.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Any, Final

import httpx2

from orchestrator_core.api.error_codes import error_codes, operation_codes
from tests.described import is_described, undescribed_headers

PATIENCE: Final = 30.0

_FIRST_ERROR: Final = 400
DOCUMENTED: Final = frozenset(one.code for one in (*error_codes(), *operation_codes()))

_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(base_url: str = "", timeout: float = PATIENCE, **more: Any) -> httpx2.Client:
    """Return a client; the caller closes it."""
    hooks = {"response": [_is_documented]}
    return httpx2.Client(
        base_url=base_url, timeout=timeout, verify=_NO_TLS, event_hooks=hooks, **more
    )


def _is_documented(response: httpx2.Response) -> None:
    """Fail the test if the answer has an error code that is not described for its route."""
    asked, status = response.request, response.status_code
    unknown = undescribed_headers(asked.method, asked.url.path, status, response.headers)
    assert not unknown, f"{asked.method} {response.url}: {status} has {unknown}"
    if status < _FIRST_ERROR or "json" not in response.headers.get("content-type", ""):
        return
    response.read()
    with contextlib.suppress(ValueError):
        body = response.json()
        code = body.get("error_code") if isinstance(body, dict) else None
        if code is not None:
            assert code in DOCUMENTED, f"{response.url}: {code!r} is not documented"
            assert is_described(asked.method, asked.url.path, status, code), (
                f"{asked.method} {response.url}: {status} {code!r} is not described"
            )


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
