"""URLs of Keystone and of the services in its catalogue, in the forms that clouds use."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from orchestrator_libcloud.patterns import Pattern

_PORTS: Final = {"http": 80, "https": 443}
_KEYSTONE_TAIL: Final = Pattern(r"/v[23](\.\d+)?(/(auth/)?tokens)?$")
_VERSION_TAIL: Final = Pattern(r"/v\d+(\.\d+)?$")
_VERSION: Final = Pattern(r"/v\d+(\.\d+)?(/|$)")
_NOVA: Final = "/v2.1"


def fault(url: str) -> str | None:
    """Return why a text is not a URL of an HTTP API; None if it is one."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return "is not a URL"
    if parts.scheme not in _PORTS or not host or port == 0:
        return "must begin with http:// or https:// and name a host"
    if parts.username is not None or parts.password is not None:
        return "must not contain a user or a password"
    if parts.query or parts.fragment:
        return "must end with the path, without ? and #"
    return None


def split(url: str) -> tuple[str, int, int, str]:
    """Return host, port, 1 for HTTPS (else 0) and path of a URL, in the form that Libcloud takes.

    An IPv6 address keeps its brackets (RFC 3986, 3.2.2). Libcloud's own function mistakes every
    colon of the address for the one before the port.

    Raises:
        ValueError: the text is not a URL of an HTTP API.
    """
    why = fault(url)
    if why is not None:
        raise ValueError(f"The URL {why}")
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown, parts.port or _PORTS[parts.scheme], int(parts.scheme == "https"), parts.path


def keystone_root(url: str) -> str:
    """Return an auth URL without trailing slashes, API version and login resource.

    ``https://h/identity/v3/`` and ``https://h/identity/v3/auth/tokens`` both become
    ``https://h/identity``: Libcloud adds version and resource itself.
    """
    parts = urlsplit(url.strip())
    path = _KEYSTONE_TAIL.sub("", _without_slashes(parts.path))
    return urlunsplit((parts.scheme, parts.netloc, _without_slashes(path), "", ""))


def service_url(service_type: str, url: str) -> str:
    """Return a service's URL in the form to which Libcloud adds its paths.

    Libcloud requests ``/v2/images`` from Glance and ``/v2.0/networks`` from Neutron, but
    ``/servers`` from Nova. So the first two URLs must not end in a version, and Nova's must have
    one.
    """
    parts = urlsplit(url.strip())
    path = _without_slashes(parts.path)
    if service_type in ("image", "network"):
        path = _without_slashes(_VERSION_TAIL.sub("", path))
    elif service_type == "compute" and not _VERSION.search(path):
        path += _NOVA
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _without_slashes(path: str) -> str:
    return re.sub(r"/{2,}", "/", path).rstrip("/")
