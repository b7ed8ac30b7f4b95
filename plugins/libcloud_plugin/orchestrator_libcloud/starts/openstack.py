"""The fields of a start on OpenStack, and on Rackspace.

Source: OpenStack, "Compute API", Create server (``POST /servers``) in the microversion 2.1, which
Libcloud requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest, Volume
from orchestrator_libcloud.nodes.convert import to_firewall, to_network
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import (
    NAMES_ONLY,
    StartFields,
    StartMapping,
    checked_pairs,
)

_USER_DATA_BYTES: Final = 49_149
"""Nova takes at most 65,535 characters of Base64."""

_UUID: Final = "[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"
_ANY_REFERENCE: Final = ".+"
"""An ``id_pattern`` for things that may be sent as name or as id."""

_KEY: Final = Pattern(r"[a-zA-Z0-9_:. -]{1,255}")
_LONGEST_VALUE: Final = 255
_NEVER: Final = -1
"""The boot index of a disk that a server never boots from."""


class OpenstackMapping(StartMapping):
    """The mapping of OpenStack since Nova's API version 1.1."""

    ids_only = frozenset({"image", "size"})
    lists: ClassVar[dict[str, StartList]] = {
        **StartMapping.lists,
        "list_networks": StartList(
            "ex_list_networks", lambda one: to_network(one, cidr=getattr(one, "cidr", None))
        ),
        "list_firewalls": StartList(
            "ex_list_security_groups", lambda one: to_firewall(one, description=one.description)
        ),
    }
    known_options: ClassVar[options.Kinds] = {
        "ex_blockdevicemappings": list,
        "ex_config_drive": bool,
        "ex_disk_config": str,
        "ex_files": dict,
        "ex_os_scheduler_hints": dict,
    }
    """The arguments of ``create_node`` that no field sets. Libcloud drops ``ex_admin_pass``."""

    lacking: ClassVar[Mapping[str, str]] = {}
    """The fields that a cloud with this API does not take, with the reasons."""

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how the cloud takes it, or why it does not; send nothing."""
        return {
            **super().fields(driver_class),
            "keyname": StartField(given_as="name", id_pattern=NAMES_ONLY),
            "ssh_keys": ssh_keys_field(_USER_DATA_BYTES),
            "user_data": StartField(max_bytes=_USER_DATA_BYTES),
            "networks": StartField(
                id_pattern=_UUID, note="needed if the project has several networks"
            ),
            "firewalls": StartField(
                id_pattern=_ANY_REFERENCE, note="security groups; Nova itself looks up a name"
            ),
            "location": StartField(
                given_as="name", id_pattern=NAMES_ONLY, note="an availability zone"
            ),
            "public_ip": "OpenStack attaches a floating IP address after the start",
            "root_disk": StartField(
                parts=("size", "keep"), note="a new volume, from which the VM boots"
            ),
            "volumes": StartField(parts=("id", "size", "keep")),
            "tags": "Libcloud requests Nova's API version 2.1, which has no tags; use metadata",
            "spot": "OpenStack has no spot instances",
            "metadata": StartField(),
            "options": StartField(
                parts=tuple(sorted(self.known_options)), note="arguments of Libcloud's create_node"
            ),
            **self.lacking,
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node`` for the optional fields of a start.

        Raises:
            InvalidParameter: Nova would refuse a value, or ``location`` names more than a zone;
                nothing was created.
        """
        user_data = user_data_of(request.user_data, request.ssh_keys)
        networks = [SimpleNamespace(id=network) for network in request.networks]
        groups = [SimpleNamespace(name=group) for group in request.firewalls]
        zone = request.location
        if zone is not None and ":" in zone:
            # Nova reads ZONE:HOST:NODE, with which an administrator avoids the scheduler.
            raise InvalidParameter(
                "location", "must be the name of an availability zone, without a host"
            )
        return {
            **self.key(driver, request.keyname),
            **self.metadata(request.metadata),
            **({"ex_userdata": user_data} if user_data is not None else {}),
            **({"networks": networks} if networks else {}),
            **({"ex_security_groups": groups} if groups else {}),
            **({"ex_availability_zone": zone} if zone is not None else {}),
            **_disks(request),
        }

    def metadata(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the argument with the metadata."""
        for key, value in checked_pairs(metadata or {}, "metadata").items():
            if not _KEY.fullmatch(key):
                raise InvalidParameter(
                    "metadata",
                    f"the key {key[:80]!r} must be at most 255 of letters, digits, spaces and -_:.",
                )
            if len(value) > _LONGEST_VALUE:
                raise InvalidParameter(
                    "metadata", f"the value of {key!r} must be at most {_LONGEST_VALUE} characters"
                )
        return super().metadata(metadata)

    def option_arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as arguments of ``create_node``."""
        found = options.checked(given, self.known_options)
        if "ex_config_drive" in found:
            # Libcloud leaves out false, which then means "as the cloud usually does".
            found["ex_config_drive"] = str(found["ex_config_drive"])
        files = found.get("ex_files", {})
        if not all(isinstance(text, str) for text in files.values()):
            raise InvalidParameter("options", "'ex_files' must be an object of paths and texts")
        return found


class RackspaceMapping(OpenstackMapping):
    """The mapping of Rackspace, whose servers have no security groups and no zones."""

    lists: ClassVar[dict[str, StartList]] = {
        name: one for name, one in OpenstackMapping.lists.items() if name != "list_firewalls"
    }
    lacking: ClassVar[Mapping[str, str]] = {
        "firewalls": "Rackspace's servers have no security groups at their start",
        "location": "Rackspace has no availability zones; set region in the settings",
    }


def _disks(request: StartRequest) -> dict[str, Any]:
    """Return the arguments with root disk and volumes, as block device mappings.

    If there is any mapping, one of them must be the disk that the server boots from. A server with
    an image beside the mapping of a volume for its root disk would boot from the image.
    """
    root, image = request.root_disk, request.image.id
    volumes = [_volume(volume) for volume in request.volumes]
    if root is None and not volumes:
        return {}
    boot: dict[str, Any] = {"boot_index": 0, "source_type": "image", "uuid": image}
    if root is None:
        boot |= {"destination_type": "local", "delete_on_termination": True}
        return {"ex_blockdevicemappings": [boot, *volumes]}
    boot |= {"destination_type": "volume", "delete_on_termination": not root.keep}
    boot["volume_size"] = _root_size(request)
    return {"image": None, "ex_blockdevicemappings": [boot, *volumes]}


def _root_size(request: StartRequest) -> int:
    """Return the size of the root disk in GB; Nova requires one for a volume from an image."""
    root, flavor = request.root_disk, request.size
    size = (root.size if root is not None else None) or flavor.disk
    if not size:
        raise InvalidParameter(
            "root_disk", f"must have a size, because size {flavor.id} says none for its disk"
        )
    smallest = request.image.extra.get("minDisk")
    if isinstance(smallest, int) and size < smallest:
        raise InvalidParameter(
            "root_disk", f"size must be at least {smallest} GB, as image {request.image.id} says"
        )
    return size


def _volume(volume: Volume) -> dict[str, Any]:
    if volume.id is not None:
        return {
            "source_type": "volume",
            "uuid": volume.id,
            "destination_type": "volume",
            "boot_index": _NEVER,
            "delete_on_termination": False,
        }
    return {
        "source_type": "blank",
        "destination_type": "volume",
        "volume_size": volume.size,
        "boot_index": _NEVER,
        "delete_on_termination": not volume.keep,
    }
