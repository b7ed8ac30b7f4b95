"""The fields of a start on Apache CloudStack and on the providers that run it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from orchestrator_core import (
    Firewall,
    InvalidParameter,
    Network,
    RootDisk,
    StartField,
    StartRequest,
    Volume,
)
from orchestrator_libcloud.changes.lookup import list_locations
from orchestrator_libcloud.listing.fetch_all import fetch_all
from orchestrator_libcloud.nodes.convert import to_firewall, to_network
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import NAMES_ONLY, StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.values import UUID, bare

_LONGEST_USER_DATA: Final = 3072
"""CloudStack's limit for a GET, which Libcloud sends, is 4 KB after encoding in Base64.

Source: CloudStack's API reference, deployVirtualMachine, parameter ``userdata``.
"""

_AFFINITY: Final = "ex_affinity_groups"
_OPTIONS: Final[options.Kinds] = {_AFFINITY: list, "ex_displayname": str, "ex_ip_address": str}
_PLACES_NAMED: Final = 8


def _network(network: Any) -> Network:
    gateway, mask = network.extra.get("gateway"), network.extra.get("netmask")
    cidr = None
    with suppress(ValueError):
        cidr = ipaddress.ip_network(f"{gateway}/{mask}", strict=False)
    return to_network(network, cidr=cidr, location=network.zoneid)


def _firewall(group: Any) -> Firewall:
    shown = bare(id=group["id"], name=group["name"], extra=group)
    return to_firewall(shown, description=group.get("description"))


class CloudstackMapping(StartMapping):
    """The mapping of CloudStack.

    ``project`` is not among the options: Libcloud drops it, and its lists have no VMs of projects.
    """

    lists = {  # noqa: RUF012 - annotated by the base class
        **StartMapping.lists,
        "list_networks": StartList("ex_list_networks", _network),
        "list_firewalls": StartList("ex_list_security_groups", _firewall),
    }
    ids_only = frozenset({"image", "size"})
    own_options = (_AFFINITY,)

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how CloudStack takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": StartField(given_as="name", id_pattern=NAMES_ONLY),
            "ssh_keys": ssh_keys_field(_LONGEST_USER_DATA),
            "user_data": StartField(max_bytes=_LONGEST_USER_DATA),
            "networks": StartField(id_pattern=UUID),
            "firewalls": StartField(given_as="name", id_pattern=UUID, note="security groups"),
            "location": StartField(id_pattern=UUID, note="a zone; without it, the only zone"),
            "root_disk": StartField(parts=("size",)),
            "volumes": StartField(
                limit=1,
                parts=("size", "type", "keep"),
                note="of a disk offering of that size; type is its id or name, keep must be true",
            ),
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        options.checked(request.options, _OPTIONS)
        # Libcloud's own default leaves the VM stopped.
        arguments: dict[str, Any] = {"ex_start_vm": True}
        if request.networks:
            arguments["networks"] = [bare(id=network) for network in request.networks]
        if request.firewalls:
            arguments["ex_security_groups"] = list(request.firewalls)
        user_data = user_data_of(request.user_data, request.ssh_keys)
        if user_data is not None:
            arguments["ex_userdata"] = user_data
        return {
            **arguments,
            **self.key(driver, request.keyname),
            **self.location(driver, request.location),
            **_root_disk(request.root_disk),
            **_volumes(driver, request.volumes),
            **_affinity(request),
        }

    def location(self, driver: Any, location: str | None) -> dict[str, Any]:
        """Return the argument with the zone.

        Raises:
            InvalidParameter: no zone is given and there are several. Libcloud takes the first.
        """
        if location is not None:
            return {"location": bare(id=location)}
        zones = list_locations(driver)
        if len(zones) == 1:
            return {"location": zones[0]}
        names = ", ".join(str(zone.name) for zone in zones[:_PLACES_NAMED]) or "none"
        reason = f"is missing; this cloud needs the zone of a VM, and has {names}"
        raise InvalidParameter(
            "location", f"{reason} (start.location in its settings is a default)"
        )


def _root_disk(disk: RootDisk | None) -> dict[str, Any]:
    return {} if disk is None or disk.size is None else {"ex_rootdisksize": str(disk.size)}


def _affinity(request: StartRequest) -> dict[str, Any]:
    groups = request.options.get(_AFFINITY)
    if groups is None:
        return {}
    if not all(isinstance(group, str) for group in groups):
        raise InvalidParameter("options", f"{_AFFINITY!r} must be a list of ids")
    return {_AFFINITY: [bare(id=group) for group in groups]}


def _volumes(driver: Any, volumes: Sequence[Volume]) -> dict[str, Any]:
    """Return the argument with the disk offering of the one volume.

    Raises:
        InvalidParameter: there is no such offering, or the volume cannot be as it is wanted.
    """
    if not volumes:
        return {}
    (volume,) = volumes
    if not volume.keep:
        raise InvalidParameter(
            "volumes", "CloudStack keeps the volume when it destroys the VM; give keep = true"
        )
    listed = fetch_all(driver, "ex_list_disk_offerings", driver.ex_list_disk_offerings)
    # Libcloud sends no size with an offering whose size is the caller's choice.
    fixed = [one for one in listed if not one.customizable]
    return {"diskoffering": _offering(fixed, volume)}


def _offering(offerings: Sequence[Any], volume: Volume) -> Any:
    """Return the one disk offering that fits a volume."""
    fitting = [
        one
        for one in offerings
        if one.size == volume.size and volume.type in (None, str(one.id), one.name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    have = ", ".join(f"{one.name} ({one.size} GB)" for one in (fitting or offerings))
    wanted = f"{volume.size} GB" + ("" if volume.type is None else f" and type {volume.type!r}")
    count = "several disk offerings have" if fitting else "no disk offering of a fixed size has"
    raise InvalidParameter("volumes", f"{count} {wanted}; there are {have or 'none'}")
