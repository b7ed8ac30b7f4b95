"""The removal of inner addresses from a plugin's messages before they reach a client.

A plugin may pass on the text of an exception, in which HTTP clients name the host, the port and the
path that they could not reach.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_core.redaction.forms import texts

ADDRESS: Final = "[address]"
"""The replacement of an address."""

_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
_DOTTED: Final = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){1,16}\.?"

_OBJECT: Final = re.compile(r"<[\w. ]{1,200} object at 0x[0-9a-fA-F]{1,16}>(?:: ?)?")
_POOL: Final = re.compile(
    r"\bhost=(['\"]?)[^'\",)\s]{1,255}\1(?:, ?port=(?:\d{1,5}|None))?|\bport=\d{1,5}\b"
)
"""Texts such as ``HTTPConnectionPool(host='10.0.0.5', port=8774)``, of requests and urllib3."""

_PATH: Final = re.compile(r"(?P<before>\bwith url: ?)/[^\s\"'<>]{0,4096}")
_URL: Final = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,19}:/{2,3}[^\s\"'<>|\\]{1,4096}"
)
_PLACEHOLDER: Final = re.compile(r"[a-z0-9+]{1,20}://[A-Z]{4,}\b")
"""An example in a message, such as ``https://HOST:5000/v3``, which is not an address."""

_IPV4: Final = re.compile(
    r"(?<![\d.])(?<!\w[.-])\d{1,3}(?:\.\d{1,3}){3}(?![\d])(?:/\d{1,2}\b|:\d{1,5}\b)?(?!\.\d)"
)
_IPV6: Final = re.compile(
    r"\[(?P<inner>[0-9A-Fa-f:.]{2,45})(?:%\w{1,16})?\](?::\d{1,5})?"
    r"|(?<![\w:.])(?P<bare>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f.]{0,15}){2,8})(?:%\w{1,16})?"
)
_PORT: Final = re.compile(rf"(?<![\w.@/-])(?:{_DOTTED}|localhost):\d{{1,5}}(?!\w)")
_UNREACHED: Final = re.compile(
    r"(?P<before>\b(?:resolv(?:e|ed|ing)(?: host(?:name)?)?|connect(?:ion|ing|ed)?"
    r"(?: attempt)?(?: to| with)(?: the)?(?: server| host| endpoint)?(?: at)?|getaddrinfo"
    r"(?: failed)?(?: for)?|valid for|name or service not known|no route to(?: host)?"
    r"|reach|unreachable|host(?:name)?(?= ')|does ?n.t match)[:=]? {0,2}['\"(]{0,2})"
    rf"(?P<host>{_DOTTED}|localhost|{_NAME}(?=:\d|['\"]?,? port\b)"
    rf"|(?<=['\"]){_NAME}(?=['\"]))(?::\d{{1,5}})?",
    re.IGNORECASE,
)
_PORTS: Final = re.compile(
    rf"\bport \d{{1,5}} (?:on|of|at) {re.escape(ADDRESS)}"
    rf"|{re.escape(ADDRESS)}(?P<quote>['\"]?)(?:,? (?:on )?port[ =]\d{{1,5}}|, \d{{1,5}}(?=\)))"
)

_HOST_KEY: Final = re.compile(
    r"(?:^|_)(?:host(?:name)?|server|endpoint|address|ip|proxy|url|uri)s?$", re.IGNORECASE
)
_HOST: Final = re.compile(r"\[?[A-Za-z0-9_.:-]{1,253}\]?")
_SHORTEST_PORT: Final = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a plugin's cloud, as far as the settings tell it.

    Attributes:
        hosts: the names and addresses.
        ports: the ports as texts.
    """

    hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Endpoint:
        """Return the hosts and ports in a plugin's part of the settings."""
        hosts: dict[str, None] = {}
        ports: dict[str, None] = {}
        for name, text in texts(settings):
            try:
                parts = urlsplit(text if "://" in text else f"//{text}")
                host, port = parts.hostname, parts.port
            except ValueError:
                continue
            if "://" in text or (_HOST_KEY.search(name) and _HOST.fullmatch(text)):
                hosts.update(dict.fromkeys(one for one in (host,) if one))
                ports.update(dict.fromkeys(str(one) for one in (port,) if one))
        return cls(tuple(hosts), tuple(ports))


def hide_addresses(text: str, endpoint: Endpoint, known: Collection[str] = ()) -> str:
    """Return a plugin's message without the addresses in it.

    Args:
        text: the message.
        endpoint: the address of the plugin's cloud.
        known: the texts from the caller; an address among them need not be hidden.
    """

    def unless_known(found: re.Match[str]) -> str:
        return found[0] if found[0].strip("[]'\"") in known else ADDRESS

    def of_url(found: re.Match[str]) -> str:
        is_example = _PLACEHOLDER.match(found[0]) is not None
        return found[0] if is_example or found[0].rstrip(".,;:)") in known else ADDRESS

    def of_host(found: re.Match[str]) -> str:
        return found[0] if found["host"] in known else found["before"] + ADDRESS

    def of_ipv6(found: re.Match[str]) -> str:
        written = found["inner"] or found["bare"]
        address = written.rstrip(".")
        address = address[:-1] if address.endswith(":") and address[-2:] != "::" else address
        if address in known or not _is_ipv6(address):
            return found[0]
        return ADDRESS + ("" if found["inner"] else written[len(address) :])

    text = _OBJECT.sub("", text)
    text = _POOL.sub(ADDRESS, text)
    text = _PATH.sub(rf"\g<before>{ADDRESS}", text)
    text = _URL.sub(of_url, text)
    for pattern in _of_endpoint(endpoint):
        text = pattern.sub(ADDRESS, text)
    text = _UNREACHED.sub(of_host, text)
    text = _IPV4.sub(unless_known, text)
    text = _IPV6.sub(of_ipv6, text)
    text = _PORT.sub(unless_known, text)
    return _PORTS.sub(lambda found: ADDRESS + (found["quote"] or ""), text)


def _of_endpoint(endpoint: Endpoint) -> Iterator[re.Pattern[str]]:
    for host in sorted(endpoint.hosts, key=len, reverse=True):
        name = re.escape(host)
        if "." in host or ":" in host:
            pattern = rf"(?<![\w.-])\[?{name}\]?\.?(?![\w-])(?::\d{{1,5}})?"
        else:  # a single word may be any word of a sentence
            pattern = rf"(?<![\w.-]){name}:\d{{1,5}}(?!\w)|(?<=['\"]){name}(?=['\"])"
        yield re.compile(pattern, re.IGNORECASE)
    for port in endpoint.ports:
        if len(port) >= _SHORTEST_PORT:
            yield re.compile(rf"\bport\W{{1,3}}{port}\b|:{port}\b", re.IGNORECASE)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
