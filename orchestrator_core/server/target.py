"""The target of a request and its host, as RFC 9112 defines them.

Sources: RFC 9112, 3.2 (Host) and 3.2.1 to 3.2.4 (the four forms of a target); RFC 3986, 3.2.2 and
3.2.3 (hosts and ports).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_HOST: Final = re.compile(
    rb"(?P<name>(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*|\[(?P<ip>[^\[\]]+)\])"
    rb"(?::(?P<port>[0-9]{0,5}))?"
)
_FUTURE: Final = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+")
_LAST_PORT: Final = 65_535

_SEGMENTS: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an absolute-form target.

    Attributes:
        authority: the host and port, which replace the Host field.
        path: the path as it was sent, percent-encoded; ``*`` for the whole server.
        query: the query without the question mark.
    """

    authority: bytes
    path: bytes
    query: bytes


def parse_absolute(method: str, target: bytes) -> Target | None:
    """Return the parts of an absolute-form target; None for a path or the asterisk.

    Raises:
        ValueError: when it is not a valid http or https URL, or contains a user.
    """
    if target.startswith(b"/") or target == b"*":
        return None
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not found[1] or not is_host(found[1]):
        raise ValueError("not an http or https URL")
    path, query = found[2], found[3]  # a slash begins the path, since it ends the authority
    if not path:
        path = b"*" if method == "OPTIONS" and query is None else b"/"
    return Target(found[1], path, query or b"")


@lru_cache(maxsize=256)
def is_host(value: bytes) -> bool:
    """Return whether this is a valid value of a Host field: a host with or without a port.

    An empty one is valid: a client sends it if its URL has no authority (RFC 9110, 7.2).
    """
    found = _HOST.fullmatch(value)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return False
    if found["port"] is not None and not found["name"]:
        return False
    return found["ip"] is None or _is_ip_literal(found["ip"].decode("ascii", "replace"))


def _is_ip_literal(text: str) -> bool:
    if _FUTURE.fullmatch(text):
        return True
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def prefix_of(values: list[str]) -> str:
    """Return the path below which proxies serve this server, from their X-Forwarded-Prefix.

    Each proxy adds the part that it has removed, the outermost one first. If the result is not a
    plain absolute path, the prefix is empty, because it would be copied into the Location of an
    answer.
    """
    parts = [part.strip().rstrip("/") for value in values for part in value.split(",")]
    prefix = "".join(parts)
    dots = {".", ".."} & set(prefix.split("/"))
    return prefix if _SEGMENTS.fullmatch(prefix) and not dots else ""
