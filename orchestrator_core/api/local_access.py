"""Checks that keep web pages out of a server without authentication.

Such a server listens on loopback only, but the browsers of that machine can reach it too. A page
whose name resolves to 127.0.0.1 (DNS rebinding) would have the same origin as the server. Besides,
any page may send simple requests to other sites.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import falcon.asgi

from orchestrator_core.errors import Forbidden

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_PAGES: Final = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool | None:
    """Return whether an IP address reaches this machine only, or None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return None


def check_host(req: falcon.asgi.Request, hosts: Collection[str]) -> None:
    """Refuse a request for a host name that a web page from elsewhere may have.

    A name without a dot is accepted. Machines and containers of one network have such names. A web
    page from elsewhere cannot, because public name servers do not serve them.

    Args:
        req: the request; browsers always send a Host, so an empty or missing one is accepted.
        hosts: more names that are served, in lower case and without a port.

    Raises:
        Forbidden: when the name is not local; the message says how to allow it.
    """
    name, is_local = _name_of(req.get_header("Host"))
    if not is_local and name not in hosts:
        raise Forbidden(
            "Without authentication, only local names and loopback addresses are served; "
            'name this host in [server] hosts, or set [auth] mode = "token"'
        )


def check_origin(req: falcon.asgi.Request) -> None:
    """Refuse a change that a page of another site asks for.

    Source: https://www.w3.org/TR/fetch-metadata/ and RFC 6454, section 7.

    Raises:
        Forbidden: when the request comes from such a page.
    """
    if req.method in _SAFE:
        return
    site = req.get_header("Sec-Fetch-Site")
    origin = req.get_header("Origin")
    foreign = site is not None and site.lower() not in _OWN_PAGES
    if foreign or (origin is not None and not _is_own(origin, req.get_header("Host"))):
        raise Forbidden(
            "Without authentication, a change that a page of another site requests is refused"
        )


def _is_own(origin: str, host: str | None) -> bool:
    try:
        return host is not None and urlsplit(origin).netloc.lower() == host.strip().lower()
    except ValueError:
        return False


@lru_cache(maxsize=64)  # the clients of a server use few names, and each request is checked
def _name_of(host: str | None) -> tuple[str, bool]:
    """Return the host of a Host header without its port, and whether it is local or missing.

    An invalid header is returned unchanged.
    """
    if host is None:
        return "", True
    try:
        name = urlsplit(f"//{host.strip()}").hostname or ""
    except ValueError:
        name = host
    has_dot = "." in name.rstrip(".") or ":" in name
    return name, not has_dot or name.endswith(".localhost") or bool(is_loopback(name))
