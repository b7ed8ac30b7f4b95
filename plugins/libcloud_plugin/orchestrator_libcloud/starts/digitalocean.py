"""The fields of a start at DigitalOcean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from orchestrator_core import Network, StartField, StartRequest
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.replacement import replaced
from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.options import Kinds
from orchestrator_libcloud.starts.values import (
    NUMBERED_KEYS,
    UUID,
    bare,
    check_public_ip,
    number_or_text,
    tag_words,
)

_ATTRIBUTES: Final = ("backups", "ipv6", "monitoring", "with_droplet_agent")
"""Further properties of a Droplet that the options can set."""

_KEY: Final = r"[0-9]+|[0-9a-f]{2}(?::[0-9a-f]{2}){15}"
_TAG: Final = Pattern(r"[A-Za-z0-9:_-]{1,255}")
_MOST_VOLUMES: Final = 7
_USER_DATA_BYTES: Final = 65_536


def _vpcs(driver: Any) -> list[Any]:
    return list(driver._paginated_request("/v2/vpcs", "vpcs"))  # noqa: SLF001 - it has no list


def _vpc(item: Any) -> Network:
    return Network(item["id"], item["name"], item.get("ip_range"), item.get("region"))


class DigitalOceanMapping(StartMapping):
    """The mapping of DigitalOcean's API 2."""

    lists = {  # noqa: RUF012 - annotated by the base class
        "list_keypairs": NUMBERED_KEYS,
        "list_networks": StartList("_paginated_request", _vpc, _vpcs),
    }
    known_options: ClassVar[Kinds] = dict.fromkeys(_ATTRIBUTES, bool)
    own_options = _ATTRIBUTES

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how DigitalOcean takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": StartField(id_pattern=_KEY, note="by name, number or fingerprint"),
            "ssh_keys": ssh_keys_field(_USER_DATA_BYTES),
            "user_data": StartField(max_bytes=_USER_DATA_BYTES),
            "networks": StartField(limit=1, id_pattern=UUID, note="a VPC"),
            "firewalls": "DigitalOcean's firewalls choose Droplets by their tags; give tags",
            "location": StartField(id_pattern=r"[a-z]{3}[0-9]+"),
            "public_ip": StartField(note="always true"),
            "root_disk": "The size of a Droplet determines its disk",
            "volumes": StartField(
                limit=_MOST_VOLUMES, parts=("id",), note="existing ones of the same region"
            ),
            "tags": StartField(note="as words, key:value"),
            "metadata": "DigitalOcean keeps no metadata; give tags or user_data",
            "options": StartField(parts=_ATTRIBUTES, note="properties of a Droplet"),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``; the size goes by its name."""
        check_public_ip(request, "DigitalOcean")
        properties: dict[str, Any] = {
            name: request.options[name] for name in _ATTRIBUTES if name in request.options
        }
        if request.keyname is not None:
            properties["ssh_keys"] = [number_or_text(request.keyname)]
        if request.networks:
            properties["vpc_uuid"] = request.networks[0]
        if request.volumes:
            properties["volumes"] = [volume.id for volume in request.volumes]
        if request.tags:
            rule = "letters, digits, colons, hyphens and underscores, at most 255 characters"
            properties["tags"] = tag_words(request.tags, _TAG, rule)
        arguments: dict[str, Any] = {"ex_create_attr": properties}
        user_data = user_data_of(request.user_data, request.ssh_keys)
        if user_data is not None:
            arguments["ex_user_data"] = user_data
        if request.location is not None:
            arguments["location"] = bare(id=request.location)
        return arguments

    def image(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the image, of which the driver reads only the id: a number or a slug."""
        return {"image": bare(id=number_or_text(request.image.id))}

    def size(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the size, of which the driver reads only the name, which is its id."""
        return {"size": bare(name=request.size.id)}

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node; Libcloud drops every property that is not in its list."""
        known = [*driver.EX_CREATE_ATTRIBUTES, "vpc_uuid", "volumes", *_ATTRIBUTES]
        with replaced(driver, "EX_CREATE_ATTRIBUTES", known):
            return super().create(driver, arguments)
