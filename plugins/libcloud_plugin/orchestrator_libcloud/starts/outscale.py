"""The fields of a start on OUTSCALE, over its own API."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from orchestrator_core import Firewall, InvalidParameter, Network, StartField, StartRequest
from orchestrator_libcloud.nodes.convert import to_firewall, to_network
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import (
    NAMES_ONLY,
    StartFields,
    StartMapping,
    checked_pairs,
    not_taken,
)
from orchestrator_libcloud.starts.values import bare

_NICS: Final = "ex_nics"
_OPTIONS: Final[options.Kinds] = {
    "ex_bsu_optimized": bool,
    _NICS: list,
    "ex_performance": str,
    "ex_private_ips": list,
}
"""Others are left out: they create several nodes or none, or Libcloud sends them under a wrong key
(``ex_vm_initiated_shutdown_behavior``).
"""

_LONGEST_USER_DATA: Final = 500 * 1024 * 3 // 4
"""OUTSCALE's limit is 500 KiB in Base64. Source: OUTSCALE API reference, CreateVms."""

_PARTS: Final = ("size", "type", "keep")
_ROOT_DEVICE: Final = "/dev/sda1"
_DEVICES: Final = "bcdefghijklmnopqrstuvwxyz"
_TAGS: Final = "tags"


def _network(subnet: Any) -> Network:
    tags = {tag["Key"]: tag["Value"] for tag in subnet.get("Tags", ())}
    shown = bare(id=subnet["SubnetId"], name=tags.get("Name"), extra=subnet)
    return to_network(shown, cidr=subnet.get("IpRange"), location=subnet.get("SubregionName"))


def _firewall(group: Any) -> Firewall:
    shown = bare(id=group["SecurityGroupId"], name=group["SecurityGroupName"], extra=group)
    return to_firewall(shown, description=group.get("Description"))


class OutscaleApiMapping(StartMapping):
    """The mapping of OUTSCALE.

    The name of a node is a tag, which a second request sets. If that one fails, the client token,
    which is the marker, finds the node. Source: OUTSCALE API reference, CreateVms, CreateTags.
    """

    lists = {  # noqa: RUF012 - annotated by the base class
        **StartMapping.lists,
        "list_networks": StartList("ex_list_subnets", _network),
        "list_firewalls": StartList("ex_list_security_groups", _firewall),
    }
    ids_only = frozenset({"image"})
    replaces = frozenset({"size"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how OUTSCALE takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": StartField(given_as="name", id_pattern=NAMES_ONLY),
            "ssh_keys": ssh_keys_field(_LONGEST_USER_DATA),
            "user_data": StartField(max_bytes=_LONGEST_USER_DATA),
            "networks": StartField(
                limit=1, id_pattern=r"subnet-[0-9a-f]+", note="a Subnet of a Net"
            ),
            "firewalls": StartField(id_pattern=r"sg-[0-9a-f]+", note="security groups"),
            "location": StartField(
                id_pattern=r"[a-z]+(-[a-z0-9]+)*-[0-9]+[a-z]", note="a Subregion"
            ),
            "root_disk": StartField(parts=_PARTS),
            "volumes": StartField(limit=len(_DEVICES), parts=_PARTS),
            "tags": StartField(limit=49, note="the tag Name is the name"),
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of :meth:`create`."""
        arguments: dict[str, Any] = {}
        if "Name" in request.tags:
            raise InvalidParameter("tags", "the tag 'Name' is the node's name; use name")
        options.checked(request.options, _OPTIONS)
        if _NICS in request.options and (request.networks or request.location):
            raise InvalidParameter("options", f"{_NICS!r} takes the place of networks and location")
        user_data = user_data_of(request.user_data, request.ssh_keys)
        if user_data is not None:
            arguments["ex_user_data"] = base64.b64encode(user_data.encode()).decode()
        if request.networks:
            arguments["ex_subnet_id"] = request.networks[0]
        if request.firewalls:
            arguments["ex_security_group_ids"] = list(request.firewalls)
        if request.location is not None:
            arguments["ex_placement"] = {"SubregionName": request.location, "Tenancy": "default"}
        if disks := list(_disks(request)):
            arguments["ex_block_device_mapping"] = disks
        tags = checked_pairs(request.tags, "tags")
        return {**arguments, **self.key(driver, request.keyname), _TAGS: tags}

    def size(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the argument with the size, which the driver takes as the name of a VM type."""
        return {"ex_vm_type": request.size.id}

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node without its name, then set name and tags.

        With a name, Libcloud sends one tag where the API wants a list of tags.
        """
        given = dict(arguments)
        tags = {"Name": given.pop("name"), **given.pop(_TAGS)}
        node = super().create(driver, given)
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        driver.ex_create_tags([node.id], listed)
        node.name = tags["Name"]
        node.extra = {**node.extra, "Tags": listed}
        return node


def _disks(request: StartRequest) -> Iterator[dict[str, Any]]:
    """Yield the block device mappings of root disk and volumes."""
    root = request.root_disk
    if root is not None:
        device = request.image.extra.get("RootDeviceName") or _ROOT_DEVICE
        yield _mapping(device, root.size, root.type, keep=root.keep)
    for letter, volume in zip(_DEVICES, request.volumes, strict=False):
        yield _mapping(f"/dev/xvd{letter}", volume.size, volume.type, keep=volume.keep)


def _mapping(device: str, size: int | None, kind: str | None, *, keep: bool) -> dict[str, Any]:
    disk: dict[str, Any] = {"DeleteOnVmDeletion": not keep}
    if size is not None:
        disk["VolumeSize"] = size
    if kind is not None:
        disk["VolumeType"] = kind
    return {"DeviceName": device, "Bsu": disk}
