"""Tokens that drivers get while they run; they are found in requests and answers.

Each token of a login is registered with the core as it comes, because any later message or log line
may contain it. Signatures are left out: each request has a different one, which gives no access.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from orchestrator_core import register_secret
from orchestrator_libcloud.http.secret_names import is_secret_name
from orchestrator_libcloud.patterns import Pattern

_SCHEMES: Final = frozenset({"basic", "bearer", "oauth", "token", "jwt"})
"""Schemes of ``Authorization`` whose value stays the same for a whole login (RFC 7617, 6750)."""

_LOGIN: Final = Pattern(r"/(?:oauth2?|tokens?|login|auth|authenticate|sessions?|jwt)(?:/|$)")
_SESSION: Final = Pattern(r"sess|sid\b|auth|login", re.IGNORECASE)
"""Names of session cookies, unlike the cookies that load balancers set anew with each answer."""

_COOKIE: Final = Pattern(r"(?:^|[;,])\s*([\w.-]{1,128})=\"?([^\";,\s]{8,4096})")
_PASSING: Final = Pattern(r"next|page|continu|csrf|xsrf")
"""Names of tokens of pages and forms: there are more of them than can be remembered."""

_LEAST: Final = 16
"""Smallest number of characters of a token in a login's answer; shorter texts are types and names.
"""

_MOST_BYTES: Final = 2**16
_FIRST_ERROR: Final = 400


def of_request(request: Any, *, is_last: bool = False) -> Iterator[str]:
    """Yield the tokens that a request carries.

    Args:
        request: the request, as ``requests`` prepared it.
        is_last: whether the request has failed: then values that may differ in each request count
            too.
    """
    query = parse_qsl(urlsplit(request.url).query)
    for name, value in [*request.headers.items(), *query]:
        lower, text = _text(name).lower(), _text(value)
        if lower == "cookie":
            yield from of_cookies(text, any_name=is_last)
        elif lower.endswith("authorization"):
            yield from _of_authorization(text, any_scheme=is_last)
        elif _is_token_name(lower, may_change=is_last):
            yield text


def of_cookies(header: str, *, any_name: bool = False) -> Iterator[str]:
    """Yield the values of session cookies in a header (RFC 6265, 4.1 and 4.2).

    Args:
        header: the value of ``Set-Cookie`` or ``Cookie``; several values may have been joined.
        any_name: whether every cookie counts as a session cookie.
    """
    for name, value in _COOKIE.findall(header):
        if any_name or is_secret_name(name) or _SESSION.search(name):
            yield value


def of_answer(request: Any, response: Any) -> Iterator[str]:
    """Yield the tokens in an answer: in its headers, and in its body if it answers a login.

    Args:
        request: the request, as ``requests`` prepared it.
        response: the answer, whose body is read if it answers a login.
    """
    for name, value in response.headers.items():
        lower = name.lower()
        if lower == "set-cookie":
            yield from of_cookies(value)
        elif len(value) >= _LEAST and (lower.endswith("authorization") or _is_token_name(lower)):
            yield value
    is_login = _LOGIN.search(urlsplit(request.url).path) is not None
    if is_login and response.status_code < _FIRST_ERROR and _size(response) <= _MOST_BYTES:
        yield from _of_login(response.content.decode("utf-8", "replace"))


def register(tokens: Iterable[str]) -> None:
    """Register tokens, which the core then removes from everything that it shows and logs."""
    for token in tokens:
        register_secret(token)


def _of_authorization(text: str, *, any_scheme: bool) -> Iterator[str]:
    scheme, _, token = text.partition(" ")
    if " " in token:
        return
    if not token:
        yield scheme
    elif any_scheme or scheme.lower() in _SCHEMES:
        yield token
        if scheme.lower() == "basic":
            yield from _of_basic(token)


def _of_basic(token: str) -> Iterator[str]:
    """Yield the password, which OpenNebula's driver hashes."""
    try:
        decoded = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    password = decoded.partition(":")[2]
    if len(password) >= _LEAST:
        yield password


def _of_login(body: str) -> Iterator[str]:
    try:
        found = json.loads(body)
    except ValueError:
        found = body.strip()  # a bare JSON web token
    if isinstance(found, str):
        named = {"token": found}
    elif isinstance(found, Mapping):
        # vSphere's session id is the value of "value".
        named = {
            name: value
            for name, value in found.items()
            if name == "value" or is_secret_name(name) or _SESSION.search(name)
        }
    else:
        return
    for value in named.values():
        if isinstance(value, str) and len(value) >= _LEAST and not re.search(r"\s", value):
            yield value


def _size(response: Any) -> int:
    said = response.headers.get("Content-Length", "")
    return int(said) if said.isdecimal() else 0


def _is_token_name(name: str, *, may_change: bool = False) -> bool:
    is_one = is_secret_name(name) or name.endswith("session-id")
    return is_one and (may_change or _PASSING.search(name) is None)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
