"""Nova's answer to ``POST /servers``: its schema in the microversion 2.1, and its later checks.

Sources: OpenStack, "Compute API", Create server; in Nova's repository
``nova/api/openstack/compute/schemas/servers.py``, ``.../servers.py`` (the messages of refusals) and
``nova/compute/api.py`` (block device mappings).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import jsonschema

TENANT: Final = "5f3c0000000040008000000000000001"

_UUID: Final = "^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^\S(.*\S)?$"}
_BOOLEAN: Final = {
    "enum": [
        *(True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"),
        *(False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"),
    ]
}
_TEXT: Final = {"type": "string", "maxLength": 255}


def _closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_MAPPING: Final = _closed(
    {
        "source_type": {"enum": ["volume", "image", "snapshot", "blank"]},
        "uuid": {"type": "string", "pattern": "^[a-zA-Z0-9._-]+$"},
        "destination_type": {"enum": ["local", "volume"]},
        "volume_size": {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1},
        "boot_index": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$"},
        "delete_on_termination": _BOOLEAN,
        "device_name": {"type": "string", "pattern": "^[a-zA-Z0-9._/-]+$"},
        "guest_format": _TEXT,
        "device_type": _TEXT,
        "disk_bus": _TEXT,
        "no_device": {},
        "volume_id": {"type": "string", "pattern": _UUID},
        "snapshot_id": {"type": "string", "pattern": _UUID},
        "image_id": {"type": "string", "pattern": _UUID},
    }
)
_METADATA: Final = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:. ]{1,255}$": _TEXT},
    "additionalProperties": False,
}
_SERVER: Final = _closed(
    {
        "name": _NAME,
        "imageRef": {"type": "string", "pattern": f"^$|{_UUID}"},
        "flavorRef": {"type": ["string", "integer"], "minLength": 1},
        "adminPass": {"type": "string"},
        "metadata": _METADATA,
        "networks": _list_of(
            _closed({"fixed_ip": {"type": "string"}, "port": {}, "uuid": {"type": "string"}})
        ),
        "OS-DCF:diskConfig": {"enum": ["AUTO", "MANUAL"]},
        "accessIPv4": {"type": "string"},
        "accessIPv6": {"type": "string"},
        "personality": _list_of(
            _closed({"path": {"type": "string"}, "contents": {"type": "string"}})
        ),
        "availability_zone": _NAME,
        "block_device_mapping": {"type": "array"},
        "block_device_mapping_v2": _list_of(_MAPPING),
        "config_drive": _BOOLEAN,
        "key_name": _NAME,
        "min_count": {"type": "integer", "minimum": 1},
        "max_count": {"type": "integer", "minimum": 1},
        "return_reservation_id": _BOOLEAN,
        "security_groups": _list_of(_closed({"name": _NAME})),
        "user_data": {"type": "string", "maxLength": 65535},
    },
    required=["name", "flavorRef"],
)
_HINTS: Final = {
    "type": "object",
    "properties": {
        "group": {"type": "string", "format": "uuid"},
        "different_host": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "array"}]},
    },
}
_CREATE: Final = _closed({"server": _SERVER, "os:scheduler_hints": _HINTS}, required=["server"])
_FORMATS: Final = jsonschema.FormatChecker(["uuid"])

_SEQUENCE: Final = (
    "Boot sequence for the instance and image/block device mapping combination is not valid."
)


class Refusal(Exception):
    """Nova's refusal of a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        kinds = {400: "badRequest", 403: "forbidden", 409: "conflictingRequest"}
        return {kinds[self.status]: {"code": self.status, "message": self.message}}


@dataclass
class Project:
    """The things of a project that a server can be made of, by id; the names of key pairs.

    Attributes:
        min_disks: the ``min_disk`` of images in GB, by id.
        disks: the disks of flavors in GB, by id.
    """

    images: set[str] = field(default_factory=set)
    flavors: set[str] = field(default_factory=set)
    networks: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)
    keypairs: set[str] = field(default_factory=set)
    server_groups: set[str] = field(default_factory=set)
    min_disks: dict[str, int] = field(default_factory=dict)
    disks: dict[str, int] = field(default_factory=dict)
    zones: set[str] = field(default_factory=lambda: {"nova"})

    def check(self, body: Any) -> dict[str, Any]:
        """Return the ``server`` of a request that Nova accepts.

        Raises:
            Refusal: Nova refuses it.
        """
        for wrong in jsonschema.Draft4Validator(_CREATE, format_checker=_FORMATS).iter_errors(body):
            place = wrong.absolute_path[-1] if wrong.absolute_path else "None"
            raise Refusal(
                400,
                f"Invalid input for field/attribute {place}. Value: {wrong.instance}. "
                f"{wrong.message}",
            )
        server: dict[str, Any] = body["server"]
        for message in self._faults(server):
            raise Refusal(400, message)
        self._check_networks(server.get("networks"))
        for group in server.get("security_groups", ()):
            self._check_group(group["name"])
        self._check_hints(body.get("os:scheduler_hints", {}))
        return server

    def _faults(self, server: dict[str, Any]) -> Iterator[str]:
        image, mappings = server.get("imageRef", ""), server.get("block_device_mapping_v2", [])
        image_size = self.min_disks.get(image, 0)
        if not image and not mappings:
            yield "Invalid imageRef provided."
        if image and image not in self.images:
            yield "Can not find requested image"
        if server["flavorRef"] not in self.flavors:
            yield f"Flavor {server['flavorRef']} could not be found."
        if image and self.disks.get(server["flavorRef"], image_size) < image_size:
            yield (
                "Flavor's disk is smaller than the minimum size specified in image metadata. "
                f"Flavor disk is {self.disks[server['flavorRef']] << 30} bytes, minimum size is "
                f"{image_size << 30} bytes."
            )
        if server.get("key_name") not in (None, *self.keypairs):
            yield "Invalid key_name provided."
        if server.get("availability_zone") not in (None, *self.zones):
            yield "The requested availability zone is not available"
        try:
            base64.b64decode(server.get("user_data", ""), validate=True)
        except binascii.Error:
            yield "Invalid input for field/attribute user_data. Value: x. 'x' is not a 'base64'"
        for one in mappings:
            if one["source_type"] == "volume" and one.get("uuid") not in self.volumes:
                yield f"Volume {one.get('uuid')} could not be found."
        if mappings:
            yield from (f"Block Device Mapping is Invalid: {why}" for why in self._wrong(server))

    def _wrong(self, server: dict[str, Any]) -> Iterator[str]:
        mappings = server["block_device_mapping_v2"]
        boots = [one for one in mappings if one.get("boot_index") in (0, "0")]
        first = boots[0] if len(boots) == 1 else {}
        image = server.get("imageRef")
        if not first or (image and (first["source_type"], first.get("uuid")) != ("image", image)):
            yield _SEQUENCE
        for one in mappings:
            source, target = one["source_type"], one["destination_type"]
            if source == "image" and one.get("uuid") not in self.images:
                yield "You specified more local devices than the limit allows"
            if source in ("image", "blank") and target == "volume" and not one.get("volume_size"):
                yield "Images with destination_type 'volume' need to have a non-zero size specified"

    def _check_hints(self, hints: dict[str, Any]) -> None:
        group = hints.get("group")
        if group is not None and group not in self.server_groups:
            raise Refusal(400, f"Instance group {group} could not be found.")

    def _check_networks(self, wanted: Any) -> None:
        if not wanted and len(self.networks) > 1:
            raise Refusal(
                409, "Multiple possible networks found, use a Network ID to be more specific."
            )
        for one in wanted or ():
            if one.get("uuid") not in self.networks:
                raise Refusal(400, f"Network {one.get('uuid')} could not be found.")

    def _check_group(self, wanted: str) -> None:
        """Accept a name or an id, as Nova does."""
        if wanted == "default" or wanted in self.groups:
            return
        count = list(self.groups.values()).count(wanted)
        if count == 0:
            raise Refusal(400, f"Unable to find security_group with name or id '{wanted}'")
        if count > 1:
            raise Refusal(
                409,
                f"Multiple security_group matches found for name '{wanted}', use an ID to be more "
                "specific.",
            )
