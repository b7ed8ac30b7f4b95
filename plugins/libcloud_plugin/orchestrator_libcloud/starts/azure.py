"""The fields of a start at Microsoft Azure (Resource Manager).

Libcloud makes a network interface in a request of its own before the VM, under a name made from the
VM's: it would change the interface of another VM with that name, and would remain if the VM is
refused. Azure also creates the interface and its public address together with the VM, in one
request, and deletes them with it. This mapping completes Libcloud's request for that.

Source of the request's form: Microsoft, "Virtual Machines - Create Or Update", api-version
2024-03-01, the first that refuses to change an existing VM (``If-None-Match``).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from orchestrator_core import (
    Firewall,
    InvalidParameter,
    Network,
    StartField,
    StartRequest,
)
from orchestrator_libcloud.changes import azure_images
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.replacement import replaced
from orchestrator_libcloud.starts.azure_request import Completion
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import (
    StartFields,
    StartMapping,
    checked_pairs,
    not_taken,
)
from orchestrator_libcloud.starts.options import Kinds
from orchestrator_libcloud.starts.values import add_password, bare, generate_password

_GROUP: Final = "ex_resource_group"
_NETWORK: Final = ("ex_network", "ex_subnet")
_OPTIONS: Final = (
    _GROUP,
    *_NETWORK,
    *("ex_user_name", "ex_storage_account", "ex_blob_container"),
)
_ARM_ID: Final = "/subscriptions/.+"
_NAME: Final = Pattern(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?")
_GROUP_NAME: Final = Pattern(r"[\w.()-]{0,89}[\w()-]")
"""These names become parts of URLs. Source: Microsoft, "Naming rules and restrictions"."""

_MOST_TAGS: Final = 49
"""Azure's limit is 50, and the marker is one of them."""

_VERSION: Final = "2024-03-01"


def _subnets(driver: Any) -> list[tuple[Any, Any]]:
    networks = driver.ex_list_networks()
    return [(net, subnet) for net in networks for subnet in net.extra.get("subnets") or ()]


def _network(item: tuple[Any, Any]) -> Network:
    network, subnet = item
    properties = subnet.get("properties") or {}
    name = f"{network.name}/{subnet['name']}"
    return Network(subnet["id"], name, properties.get("addressPrefix"), network.location)


def _groups(driver: Any) -> list[Any]:
    # Libcloud lists only the groups of one resource group.
    module = importlib.import_module("libcloud.compute.drivers.azure_arm")
    path = f"/subscriptions/{driver.subscription_id}/providers/Microsoft.Network"
    parameters = {"api-version": module.NSG_API_VERSION}
    answer = driver.connection.request(f"{path}/networkSecurityGroups", params=parameters).object
    return list(answer["value"])


def _group(item: Any) -> Firewall:
    return Firewall(item["id"], item["name"])


class AzureMapping(StartMapping):
    """The mapping of Azure Resource Manager."""

    lists = {  # noqa: RUF012 - annotated by the base class
        "list_networks": StartList("ex_list_networks", _network, _subnets),
        "list_firewalls": StartList("ex_list_network_security_groups", _group, _groups),
    }
    supplies = ("auth", _GROUP)
    known_options: ClassVar[Kinds] = dict.fromkeys(_OPTIONS, str)
    own_options = _NETWORK
    ids_only = frozenset({"size"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how Azure takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": "Libcloud cannot use the keys that Azure keeps; give ssh_keys",
            "ssh_keys": StartField(note="for the user azureuser, or the option ex_user_name"),
            "user_data": StartField(max_bytes=65_535, note="as custom data"),
            "networks": StartField(
                limit=1,
                id_pattern=_ARM_ID,
                note="a subnet, as NETWORK/SUBNET or by its id; needed unless the option "
                "ex_network names a network of the resource group",
            ),
            "firewalls": StartField(limit=1, id_pattern=_ARM_ID, note="a network security group"),
            "location": StartField(id_pattern="[a-z]+[0-9]?"),
            "public_ip": StartField(note="false unless it is true"),
            "root_disk": StartField(parts=("size", "type"), note="a managed disk"),
            "volumes": StartField(note="managed disks; existing ones by id"),
            "tags": StartField(limit=_MOST_TAGS),
            "spot": StartField(parts=("max_price",), note="deallocated when Azure needs it"),
            "metadata": "Azure keeps no metadata; give tags or user_data",
            "options": StartField(
                parts=_OPTIONS, required=True, note=f"{_GROUP} names the resource group"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``.

        The interface is an object that carries what the request must have besides.
        """
        base = importlib.import_module("libcloud.compute.base")
        if not _NAME.fullmatch(request.name):
            reason = "must be 1 to 64 letters, digits, hyphens, periods and underscores"
            raise InvalidParameter("name", reason)
        group = request.options.get(_GROUP)
        if not (isinstance(group, str) and _GROUP_NAME.fullmatch(group)):
            reason = (
                f"must have {_GROUP}, the name of a resource group; an operator can set it in "
                "[clouds.NAME.start.options]"
            )
            raise InvalidParameter("options", reason)
        auth = (
            base.NodeAuthSSHKey(request.ssh_keys[0])
            if request.ssh_keys
            else base.NodeAuthPassword(generate_password())
        )
        is_managed = "ex_storage_account" not in request.options
        arguments: dict[str, Any] = {
            "auth": auth,
            "location": bare(id=_location(driver, request.location)),
            "ex_nic": Completion(request, _subnet(driver, request, group)),
            # Libcloud's default is one dictionary for all nodes.
            "ex_tags": checked_pairs(request.tags, "tags"),
            "ex_use_managed_disks": is_managed,
            "ex_os_disk_delete": is_managed,
        }
        disk = request.root_disk
        if disk is not None and disk.size is not None:
            arguments["ex_disk_size"] = disk.size
        if disk is not None and disk.type is not None:
            arguments["ex_storage_account_type"] = disk.type
        return arguments

    def image(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the image, whose id has all parts; it is not looked up again."""
        wanted = request.image.id
        if azure_images.is_vhd(wanted) and "ex_storage_account" not in request.options:
            reason = "is a VHD, which needs the option ex_storage_account; make an image of it"
            raise InvalidParameter("image", reason)
        return {"image": azure_images.made(driver, wanted)}

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node in one request, and keep its password if it was generated."""
        send = driver.connection.request
        completion: Completion = arguments["ex_nic"]

        def completed(action: str, params: Any = None, data: Any = None, **given: Any) -> Any:
            if given.get("method") == "PUT":
                completion.complete(data)
                params = {**params, "api-version": _VERSION}
                given["headers"] = {"If-None-Match": "*"}
            return send(action, params=params, data=data, **given)

        with replaced(driver.connection, "request", completed):
            node = super().create(driver, arguments)
        return add_password(node, getattr(arguments["auth"], "password", ""))


def _subnet(driver: Any, request: StartRequest, group: str) -> str:
    if request.networks:
        return request.networks[0]
    network, subnet = (request.options.get(name) for name in _NETWORK)
    if not isinstance(network, str):
        reason = (
            "is missing; give a subnet, or set networks in [clouds.NAME.start], or ex_network in "
            "[clouds.NAME.start.options]"
        )
        raise InvalidParameter("networks", reason)
    return (
        f"/subscriptions/{driver.subscription_id}/resourceGroups/{group}/providers/"
        f"Microsoft.Network/virtualNetworks/{network}/subnets/{subnet or 'default'}"
    )


def _location(driver: Any, location: str | None) -> str:
    place = location or getattr(driver.default_location, "id", None)
    if place is None:
        reason = "is missing; give one, or set region in the settings of the cloud"
        raise InvalidParameter("location", reason)
    return str(place)
