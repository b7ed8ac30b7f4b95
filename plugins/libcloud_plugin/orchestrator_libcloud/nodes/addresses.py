"""Every IP address of a node, public or private.

The provider's statement about an address counts. Without one, or if Libcloud's driver only guesses,
the address's own kind decides, by the registries of RFC 6890 and its updates.
"""

from __future__ import annotations

import importlib
import ipaddress
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from orchestrator_libcloud.nodes.address_readers import BY_KIND, READERS, Found
from orchestrator_libcloud.nodes.raw_items import raw_item
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.nodes.to_json import plain

_DRIVERS: Final = "libcloud.compute.drivers."
_NAMES: Final = ("addr", "address", "ip", "ip_address", "ipAddress")
_DOCUMENTATION: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""RFC 5737 and RFC 3849. Examples and tests use them in place of a real node's public addresses."""


def addresses_of(node: Any) -> tuple[list[str], list[str]]:
    """Return a Libcloud node's public and its private addresses, each once and in order.

    Values that are not an address, or that mean "none yet" (0.0.0.0, ::), are left out.
    """
    kinds: dict[Any, tuple[str, bool]] = {}
    for value, word in _found(node):
        address = _address(value)
        if address is not None:
            is_public = is_public_address(address) if word is None else word
            # Amazon's Elastic IPs come twice, and IPv6 addresses in several spellings.
            kinds.setdefault(ipaddress.ip_address(address), (address, is_public))
    found = list(kinds.values())
    return [a for a, public in found if public], [a for a, public in found if not public]


def is_public_address(address: str) -> bool:
    """Return whether an address of this kind is reachable from the whole internet.

    Shared (100.64.0.0/10), unique local, site-local and link-local addresses are private. Addresses
    reserved for documentation count as public. False for a value that is not an address.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if getattr(parsed, "is_site_local", False):
        return False
    return parsed.is_global or any(parsed in network for network in _DOCUMENTATION)


def correct_kinds(driver_class: Any) -> None:
    """Make a driver's modules recognise private addresses by their kind. Safe to repeat.

    Libcloud's own functions know three IPv4 networks and raise an error for each IPv6 address. Some
    drivers then drop the address, and others fail.
    """
    networking: Any = importlib.import_module("libcloud.utils.networking")
    replacements = {
        "is_public_subnet": _is_public_subnet,
        "is_private_subnet": _is_private_subnet,
    }
    for name in modules(driver_class):
        module = sys.modules[name]
        for function, replacement in replacements.items():
            if getattr(module, function, None) is getattr(networking, function):
                setattr(module, function, replacement)


def _is_public_subnet(ip: str) -> bool:
    return is_public_address(ip)


def _is_private_subnet(ip: str) -> bool:
    return not is_public_address(ip)


def _found(node: Any) -> Iterable[Found]:
    known = [name.removeprefix(_DRIVERS) for name in modules(getattr(node, "driver", None))]
    given: list[Found] = [(ip, True) for ip in node.public_ips or ()]
    given += [(ip, False) for ip in node.private_ips or ()]
    if any(name in BY_KIND for name in known):
        given = [(ip, None) for ip, _ in given]
    reader = next((READERS[name] for name in known if name in READERS), None)
    return given if reader is None else reader(node, raw_item(node), given)


def _address(item: Any) -> str | None:
    """Return the address that a value is or has, without the length of a network's prefix."""
    if isinstance(item, Mapping):
        candidates = [item.get(name) for name in _NAMES]
    else:
        candidates = [item, *(getattr(item, name, None) for name in _NAMES)]
    texts = (plain(candidate) for candidate in candidates)
    return next((a for x in texts if isinstance(x, str) and (a := _parsed(x))), None)


def _parsed(value: str) -> str | None:
    value = value.partition("/")[0].strip()
    try:
        parsed = ipaddress.ip_address(value)
    except ValueError:
        return None
    return None if parsed.is_unspecified else value
