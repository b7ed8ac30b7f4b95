"""Conversion of Libcloud's objects into the contract's."""

from __future__ import annotations

import math
from typing import Any, Final

from orchestrator_core import (
    Firewall,
    Image,
    InvalidAnswer,
    KeyPair,
    Location,
    Network,
    Node,
    Size,
)
from orchestrator_libcloud.nodes.addresses import addresses_of
from orchestrator_libcloud.nodes.carriers import carrier_of
from orchestrator_libcloud.nodes.facts import facts_of
from orchestrator_libcloud.nodes.marker import without_marker
from orchestrator_libcloud.nodes.states import modules, state_of
from orchestrator_libcloud.nodes.to_json import plain, split, text

_CPU_NAMES: Final = (
    "cpu",
    "vcpus",
    "vcpu",
    "cpus",
    "cores",
    "vcpu_count",
    "cpu_count",
    "guestCpus",
)
_UNUSABLE: Final = frozenset(
    {
        *("pending", "failed", "invalid", "deregistered", "transient", "error", "disabled"),
        *("queued", "saving", "uploading", "importing", "killed", "deleted", "pending_delete"),
        *("deactivated", "preparing"),
    }
)
"""States of images, in Amazon's and Glance's words, from which a node cannot be started. An image
in a state that neither documents is shown.
"""
_IMAGE_STATES: Final = {
    "libcloud.compute.drivers.ec2": "state",
    "libcloud.compute.drivers.openstack": "status",
}
"""The key with which these drivers say whether a node can already be started from an image."""


def to_node(node: Any) -> Node:
    """Return a node, without the secrets of its ``extra`` and without the core's marker.

    Raises:
        InvalidAnswer: the node has no id.
    """
    public, secrets = split(node.extra)
    marker, name = _mark(node, public)
    public_ips, private_ips = addresses_of(node)
    extra = without_marker(public, marker)
    facts = facts_of(node, extra)
    return Node(
        id=node_id(node),
        name=name,
        state=state_of(node),
        public_ips=public_ips,
        private_ips=private_ips,
        extra=extra,
        secrets=without_marker(secrets, marker),
        marker=marker,
        fault=_fault(node, public),
        image=facts.image,
        size=facts.size,
        created_at=facts.created_at,
        tags=facts.tags,
    )


def _fault(node: Any, extra: Any) -> str | None:
    """Return why a node is in an error, in its cloud's own words; None if the cloud does not say.

    Nova has the whole fault in the answers for a server in the state ERROR. EC2 gives the reason of
    the last change of the state.
    """
    known = modules(getattr(node, "driver", None))
    if "libcloud.compute.drivers.openstack" in known:
        found = (extra.get("fault") or {}).get("message")
    else:
        found = extra.get("reason") if "libcloud.compute.drivers.ec2" in known else None
    return str(found) if found else None


def node_id(node: Any) -> str:
    """Return a node's id.

    Libcloud's libvirt driver uses a domain's number as the id, which changes at each start. The
    domain's own uuid does not change, and is used instead.

    Raises:
        InvalidAnswer: the node has no id.
    """
    driver = getattr(node, "driver", None)
    if "libcloud.compute.drivers.libvirt_driver" in modules(driver):
        return str(node.extra["uuid"])
    return _identity(node)


def node_marker(node: Any) -> str | None:
    """Return the marker that a node carries; None if it carries none."""
    extra = plain(node.extra)
    return _mark(node, extra if isinstance(extra, dict) else {})[0]


def _mark(node: Any, extra: Any) -> tuple[str | None, str]:
    """Return a node's marker, and the name that its creator chose."""
    carrier = carrier_of(getattr(node, "driver", None))
    name = _name(node)
    return (None, name) if carrier is None else (carrier.read(name, extra), carrier.shown(name))


def to_image(image: Any) -> Image:
    """Return an image."""
    return Image(id=_identity(image), name=_name(image), extra=split(image.extra)[0])


def is_usable(image: Any) -> bool:
    """Return whether a node can be started from an image now, as far as its driver says."""
    for module in modules(image.driver):
        if module in _IMAGE_STATES:
            state = (image.extra or {}).get(_IMAGE_STATES[module])
            return not isinstance(state, str) or state.lower() not in _UNUSABLE
    return True


def to_size(size: Any) -> Size:
    """Return a size; memory in MB, disk in GB, None if the provider does not say."""
    extra = split(size.extra)[0]
    candidates = [getattr(size, name, None) for name in _CPU_NAMES]
    candidates += [extra.get(name) for name in _CPU_NAMES]
    cpus = (number for number in map(_number, candidates) if number is not None)
    return Size(
        id=_identity(size),
        name=_name(size),
        ram=_whole(size.ram),
        disk=_whole(size.disk),
        cpu=next(cpus, None),
        extra=extra,
    )


def to_location(location: Any) -> Location:
    """Return a location."""
    country = location.country
    return Location(
        id=_identity(location),
        name=_name(location),
        country=text(str(country)) if country else None,
    )


def to_keypair(pair: Any) -> KeyPair:
    """Return a key pair; Libcloud's have a name and no id.

    Raises:
        InvalidAnswer: the key pair has no name.
    """
    if not pair.name:
        raise InvalidAnswer("The cloud returned a key pair without a name")
    name = text(str(pair.name))
    fingerprint = pair.fingerprint
    return KeyPair(
        id=name,
        name=name,
        fingerprint=text(str(fingerprint)) if fingerprint else None,
        extra=split(getattr(pair, "extra", None) or {})[0],
    )


def to_network(network: Any, *, cidr: Any = None, location: str | None = None) -> Network:
    """Return a network or a subnet.

    Args:
        network: Libcloud's object, with ``id``, ``name`` and ``extra``.
        cidr: its range of addresses, if the driver has it.
        location: the id of the only location in which it can be used.
    """
    return Network(
        id=_identity(network),
        name=_name(network),
        cidr=text(str(cidr)) if cidr else None,
        location=location,
        extra=split(getattr(network, "extra", None) or {})[0],
    )


def to_firewall(group: Any, *, description: Any = None) -> Firewall:
    """Return a security group or its like.

    Args:
        group: Libcloud's object, with ``id`` and ``name``.
        description: the provider's description of it.
    """
    return Firewall(
        id=_identity(group),
        name=_name(group),
        description=text(str(description)) if description else None,
        extra=split(getattr(group, "extra", None) or {})[0],
    )


def _identity(thing: Any) -> str:
    # Libcloud's constructors turn every value into a text, even a missing one.
    if thing is None or thing.id in (None, "", "None"):
        raise InvalidAnswer("The cloud returned an item without an id")
    return text(str(thing.id))


def _name(thing: Any) -> str:
    return text(str(thing.name)) if thing.name not in (None, "") else _identity(thing)


def _number(value: Any) -> int | float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)
