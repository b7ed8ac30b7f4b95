"""The fields of a start on Alibaba Cloud's Elastic Compute Service (ECS)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest, Volume
from orchestrator_libcloud.nodes.convert import to_firewall
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.values import (
    GeneratedPassword,
    add_password,
    generate_password,
)

_VSWITCH: Final = r"vsw-[a-z0-9]+"
_GROUP: Final = r"sg-[a-z0-9]+"
_MOST_VOLUMES: Final = 16
_LONGEST_PASSWORD: Final = 30
_CHARGE: Final = "ex_internet_charge_type"
_OUT: Final = "ex_internet_max_bandwidth_out"
_ADDRESS: Final = "ex_private_ip_address"
_PUBLIC: Final = "public_ip"
_BANDWIDTH: Final = 5
_OPTIONS: Final[options.Kinds] = {
    "ex_hostname": str,
    _CHARGE: str,
    "ex_internet_max_bandwidth_in": int,
    _OUT: int,
    "ex_io_optimized": bool,
    _ADDRESS: str,
}


class EcsMapping(StartMapping):
    """The mapping of Alibaba's ECS.

    Libcloud creates the instance, switches it on with a second request, and waits until it runs.
    The marker is the client token and the description. Libcloud's driver takes neither keys nor
    user data, so that only a password lets the caller in.
    """

    lists = {  # noqa: RUF012 - annotated by the base class
        "list_firewalls": StartList(
            "ex_list_security_groups", lambda one: to_firewall(one, description=one.description)
        ),
    }
    ids_only = frozenset({"image", "size"})
    own_options = (_CHARGE, _OUT)

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how ECS takes it, or why it does not; send nothing."""
        keys = "Libcloud's driver takes no keys; the answer to the start has a password for root"
        return not_taken(driver_class) | {
            "keyname": keys,
            "ssh_keys": keys,
            "networks": StartField(limit=1, id_pattern=_VSWITCH, note="the id of a vSwitch"),
            "firewalls": StartField(
                limit=1, id_pattern=_GROUP, required=True, note="a security group"
            ),
            "location": "A node starts in the region of the settings, in the zone of its vSwitch",
            "public_ip": StartField(
                note=f"with {_BANDWIDTH} Mbit/s paid by traffic, unless options say otherwise"
            ),
            "root_disk": StartField(parts=("type",), note="Libcloud drops its size"),
            "volumes": StartField(limit=_MOST_VOLUMES, parts=("size", "type", "keep")),
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        _check_options(request)
        base = importlib.import_module("libcloud.compute.base")
        password = GeneratedPassword(generate_password()[-_LONGEST_PASSWORD:])
        arguments: dict[str, Any] = {
            "auth": base.NodeAuthPassword(password),
            "ex_security_group_id": request.firewalls[0],
        }
        if request.public_ip:
            arguments |= {_PUBLIC: True, **_internet(request.options)}
        else:
            arguments |= {k: request.options[k] for k in self.own_options if k in request.options}
        if request.networks:
            arguments["ex_vswitch_id"] = _vswitch(request.networks[0])
        if request.root_disk is not None and request.root_disk.type is not None:
            arguments["ex_system_disk"] = {"category": request.root_disk.type}
        if request.volumes:
            arguments["ex_data_disks"] = [_data_disk(volume) for volume in request.volumes]
        return arguments

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node, give it a public address if it is to have one, and keep its password.

        ECS assigns the address in a request of its own. If that one fails, the marker finds the
        node.
        """
        given = dict(arguments)
        is_public = given.pop(_PUBLIC, False)
        node = super().create(driver, given)
        if is_public:
            node.public_ips = [*node.public_ips, driver.create_public_ip(node.id)]
        return add_password(node, given["auth"].password)


def _internet(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bandwidth without which ECS assigns no public address, as far as it is missing."""
    defaults = {_CHARGE: "PayByTraffic", _OUT: _BANDWIDTH}
    return {name: given.get(name) or value for name, value in defaults.items()}


def _vswitch(network: str) -> str:
    # Libcloud has no list of vSwitches in which a name could be looked up.
    if re.fullmatch(_VSWITCH, network) is None:
        raise InvalidParameter("networks", f"{network!r} must be the id of a vSwitch: vsw-...")
    return network


def _data_disk(volume: Volume) -> dict[str, Any]:
    disk: dict[str, Any] = {"size": volume.size, "delete_with_instance": not volume.keep}
    if volume.type is not None:
        disk["category"] = volume.type
    return disk


def _check_options(request: StartRequest) -> None:
    """Check options that Libcloud drops, or refuses with an error of its own.

    Raises:
        InvalidParameter: an option is given without the other one that it needs.
    """
    given = options.checked(request.options, _OPTIONS)
    if given.get(_OUT) and not given.get(_CHARGE) and not request.public_ip:
        raise InvalidParameter("options", f"{_OUT!r} has no effect without {_CHARGE!r}")
    if str(given.get(_CHARGE)).lower() == "paybytraffic" and not (
        given.get(_OUT) or request.public_ip
    ):
        raise InvalidParameter("options", f"{_CHARGE!r} needs {_OUT!r}")
    if given.get(_ADDRESS) and not request.networks:
        raise InvalidParameter("options", f"{_ADDRESS!r} needs the vSwitch in networks")
