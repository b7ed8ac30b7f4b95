"""Readers of the addresses in a provider's description of a node that Libcloud's driver drops.

A reader takes the Libcloud node, the provider's item from which it was made (None if that was not
kept), and the addresses that the driver found. It yields addresses with the provider's statement
about them: True for public, False for private, None if there is none. The first statement counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

Found = tuple[Any, bool | None]
Reader = Callable[[Any, Any, Iterable[Found]], Iterable[Found]]

_SINGLE: Final = "/32"


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list, or none: providers leave lists out or send null."""
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, Mapping)]


def _inside(value: Any, *path: str) -> list[Mapping[str, Any]]:
    """Return the objects at the end of a path through objects and lists of objects."""
    found = _dicts(value)
    for step in path:
        found = [item for outer in found for item in _dicts(outer.get(step))]
    return found


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _amazon(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the secondary and IPv6 addresses of each network interface in DescribeInstances."""
    yield from given
    words = {"privateIpAddress": False, "publicIp": True, "carrierIp": True, "ipv6Address": None}
    if isinstance(item, Element):
        yield from ((e.text, words[_local(e)]) for e in item.iter() if _local(e) in words)


def _alibaba(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield further private and IPv6 addresses of ``NetworkInterfaces`` in DescribeInstances."""
    yield from given
    words = {"PrimaryIpAddress": False, "PrivateIpAddress": False, "Ipv6Address": None}
    if isinstance(item, Element):
        yield from ((e.text, words[_local(e)]) for e in item.iter() if _local(e) in words)


def _brightbox(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the IPv6 address that a cloud IP has beside ``public_ip``."""
    yield from given
    for cloud_ip in _inside(item, "cloud_ips"):
        yield from ((cloud_ip.get(name), True) for name in ("public_ipv4", "public_ipv6"))


def _cloudstack(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the addresses of each NIC: one IPv4, one IPv6 and secondary ones of both kinds."""
    for nic in _inside(item, "nic"):
        for holder in (nic, *_inside(nic, "secondaryip")):
            yield from ((holder.get(name), None) for name in ("ipaddress", "ip6address"))
    yield from given


def _digitalocean(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the addresses in ``networks``: several of each family, each with its type."""
    words = {"public": True, "private": False}
    for family in ("v4", "v6"):
        for network in _inside(item, "networks", family):
            yield network.get("ip_address"), words.get(str(network.get("type")))
    yield from given


def _google(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the addresses of all interfaces: aliases and access configurations of both families."""
    yield from given
    for interface in _inside(item, "networkInterfaces"):
        for kind in ("accessConfigs", "ipv6AccessConfigs"):
            for access in _inside(interface, kind):
                yield from ((access.get(name), True) for name in ("natIP", "externalIpv6"))
        yield interface.get("ipv6Address"), None
        ranges = (alias.get("ipCidrRange") for alias in _inside(interface, "aliasIpRanges"))
        # A longer range is a network, and any part of it may be in use.
        yield from ((r, False) for r in ranges if isinstance(r, str) and r.endswith(_SINGLE))


def _linode(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the address in ``ipv6``, which has the length of its prefix."""
    yield from given
    if isinstance(item, Mapping):
        yield item.get("ipv6"), None


def _mcp(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the addresses of every NIC of Dimension Data and NTT: one private IPv4 and one IPv6."""
    yield from given
    nics = item.iter() if isinstance(item, Element) else ()
    for nic in nics:
        if _local(nic) in ("nic", "primaryNic", "additionalNic"):
            yield nic.get("privateIpv4"), False
            yield nic.get("ipv6"), None


def _openstack(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield Nova's addresses: it marks the floating ones, but not who can reach the fixed ones."""
    networks = item.get("addresses") if isinstance(item, Mapping) else None
    if not isinstance(networks, Mapping):
        yield from given
        return
    for address in (a for network in networks.values() for a in _dicts(network)):
        is_floating = address.get("OS-EXT-IPS:type") == "floating"
        yield address.get("addr"), True if is_floating else None


def _outscale(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the further private addresses in ``Nics``, and the public address linked to each."""
    yield from given
    for nic in _inside(item, "Nics"):
        for holder in (nic, *_inside(nic, "PrivateIps")):
            yield holder.get("PrivateIpAddress"), False
            yield from ((link.get("PublicIp"), True) for link in _inside(holder, "LinkPublicIp"))


def _ovh(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield ``ipAddresses`` with their kind; the driver treats all of them as public."""
    words = {"public": True, "private": False}
    for address in _inside(item, "ipAddresses"):
        yield address.get("ip"), words.get(str(address.get("type")))
    yield from given


def _scaleway(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield ``public_ips`` of both families, and ``ipv6`` of older servers."""
    yield from given
    yield from ((address.get("address"), True) for address in _inside(item, "public_ips"))
    yield from ((address.get("address"), None) for address in _inside(item, "ipv6"))


def _upcloud(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the addresses; ``access`` is ``utility`` for UpCloud's own private network."""
    words = {"public": True, "private": False, "utility": False}
    for address in _inside(item, "ip_addresses", "ip_address"):
        yield address.get("address"), words.get(str(address.get("access")))
    yield from given


def _vcloud(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the external address and the one behind a NAT; without NAT there is only the latter."""
    if not isinstance(item, Element):
        yield from given
        return
    for connection in (e for e in item.iter() if _local(e) == "NetworkConnection"):
        inner = False if connection.get("Network") == "Internal" else None
        words = {"ExternalIpAddress": True, "IpAddress": inner, "SecondaryIpAddress": inner}
        yield from ((e.text, words[_local(e)]) for e in connection.iter() if _local(e) in words)


def _vultr(_: Any, item: Any, given: Iterable[Found]) -> Iterator[Found]:
    """Yield the list of IPv6 networks of the first API."""
    yield from given
    yield from ((network.get("v6_main_ip"), None) for network in _inside(item, "v6_networks"))


READERS: Final[dict[str, Reader]] = {
    "brightbox": _brightbox,
    "cloudstack": _cloudstack,
    "digitalocean": _digitalocean,
    "dimensiondata": _mcp,
    "ec2": _amazon,
    "ecs": _alibaba,
    "gce": _google,
    "linode": _linode,
    "nttcis": _mcp,
    "openstack": _openstack,
    "outscale": _outscale,
    "ovh": _ovh,
    "scaleway": _scaleway,
    "upcloud": _upcloud,
    "vcloud": _vcloud,
    "vultr": _vultr,
}
"""A driver's module to its reader."""

BY_KIND: Final = frozenset({"gandi", "opennebula", "rimuhosting", "vpsnet"})
"""Modules of drivers that treat every address as public, without a statement of the provider."""
