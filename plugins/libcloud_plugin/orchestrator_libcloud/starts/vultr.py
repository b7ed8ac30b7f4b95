"""The fields of a start at Vultr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from orchestrator_core import Firewall, InvalidParameter, KeyPair, Network, StartField, StartRequest
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.replacement import replaced
from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.options import Kinds
from orchestrator_libcloud.starts.values import (
    UUID,
    bare,
    check_public_ip,
    number_or_text,
    tag_words,
)

_VIRTUAL_ONLY: Final = ("ex_backups", "ex_ddos_protection")
_METAL_ONLY: Final = ("ex_persistent_pxe",)
_OPTIONS: Final = {
    **dict.fromkeys(("ex_hostname", "ex_reserved_ipv4", "ex_script_id"), str),
    **dict.fromkeys(("ex_activation_email", "ex_enable_ipv6", *_VIRTUAL_ONLY, *_METAL_ONLY), bool),
}
_USER_DATA_BYTES: Final = 16_384
"""The limit for keys in user data; Vultr does not document its own."""

_METAL: Final = "vbm"
_TAG: Final = Pattern(r"[^\x00-\x1f]{1,255}")
_NEW_NAMES: Final = {"attach_private_network": "attach_vpc", "tag": "tags"}
"""Properties that Vultr has replaced, as Libcloud names them, to their present names."""


# Libcloud's own list fails on a key whose fingerprint it cannot make.
def _keys(driver: Any) -> list[Any]:
    return list(driver._paginated_request("/v2/ssh-keys", "ssh_keys"))  # noqa: SLF001


def _key(item: Any) -> KeyPair:
    return KeyPair(item["id"], item["name"])


# Libcloud's own list has the private networks that VPCs have replaced.
def _vpcs(driver: Any) -> list[Any]:
    return list(driver._paginated_request("/v2/vpcs", "vpcs"))  # noqa: SLF001


def _vpc(item: Any) -> Network:
    cidr = f"{item['v4_subnet']}/{item['v4_subnet_mask']}"
    return Network(item["id"], item["description"] or item["id"], cidr, item["region"])


def _groups(driver: Any) -> list[Any]:
    return list(driver._paginated_request("/v2/firewalls", "firewall_groups"))  # noqa: SLF001


def _group(item: Any) -> Firewall:
    description = item["description"] or None
    return Firewall(item["id"], description or item["id"], description)


class VultrMapping(StartMapping):
    """The mapping of Vultr's API 2."""

    lists = {  # noqa: RUF012 - annotated by the base class
        "list_keypairs": StartList("_paginated_request", _key, _keys),
        "list_networks": StartList("_paginated_request", _vpc, _vpcs),
        "list_firewalls": StartList("_paginated_request", _group, _groups),
    }
    known_options: ClassVar[Kinds] = _OPTIONS
    ids_only = frozenset({"size"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how Vultr takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": StartField(id_pattern=UUID),
            "ssh_keys": ssh_keys_field(_USER_DATA_BYTES),
            "user_data": StartField(),
            "networks": StartField(id_pattern=UUID, note="VPCs; not for bare metal"),
            "firewalls": StartField(
                limit=1, id_pattern=UUID, note="a firewall group; not for bare metal"
            ),
            "location": StartField(id_pattern=r"[a-z]{3}"),
            "public_ip": StartField(note="always true"),
            "root_disk": "The size of an instance determines its disk",
            "tags": StartField(note="as words, key:value"),
            "metadata": "Vultr keeps no metadata; give tags or user_data",
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        check_public_ip(request, "Vultr")
        _check_kind(request)
        arguments: dict[str, Any] = {}
        if request.keyname is not None:
            arguments["ex_ssh_key_ids"] = [request.keyname]
        user_data = user_data_of(request.user_data, request.ssh_keys)
        if user_data is not None:
            arguments["ex_userdata"] = user_data
        if request.networks:
            arguments["ex_private_network_ids"] = list(request.networks)
        if request.firewalls:
            arguments["ex_firewall_group_id"] = request.firewalls[0]
        if request.tags:
            arguments["ex_tag"] = tag_words(request.tags, _TAG, "at most 255 characters")
        if request.location is not None:
            arguments["location"] = bare(id=request.location)
        return arguments

    def image(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the image, of which the driver reads only the id: a number."""
        return {"image": bare(id=number_or_text(request.image.id))}

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node, with the present names of the properties in the request."""
        send = driver.connection.request

        def renamed(url: str, data: Any = None, **given: Any) -> Any:
            if given.get("method") == "POST" and data:
                body = json.loads(data)
                data = json.dumps({_NEW_NAMES.get(name, name): body[name] for name in body})
            return send(url, data=data, **given)

        with replaced(driver.connection, "request", renamed):
            return super().create(driver, arguments)


def _check_kind(request: StartRequest) -> None:
    """Refuse what Libcloud drops for bare metal, or for virtual machines.

    Raises:
        InvalidParameter: the size does not have a field or an option.
    """
    is_metal = request.size.id.startswith(_METAL)
    if is_metal:
        for field in ("networks", "firewalls"):
            if getattr(request, field):
                reason = f"the bare metal size {request.size.id} takes none"
                raise InvalidParameter(field, reason)
    dropped, kind = (_VIRTUAL_ONLY, "bare metal") if is_metal else (_METAL_ONLY, "virtual")
    for name in dropped:
        if name in request.options:
            reason = f"the {kind} size {request.size.id} does not take {name!r}"
            raise InvalidParameter("options", reason)
