"""The fields of a start on Amazon EC2 and on clouds with the same API.

Source: AWS, "Amazon EC2 API Reference", RunInstances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.nodes.convert import to_firewall, to_network
from orchestrator_libcloud.starts import ec2_values, options
from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of
from orchestrator_libcloud.starts.ec2_request import correct_start
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import NAMES_ONLY, StartFields, StartMapping

_USER_DATA_BYTES: Final = 16_384
_LONGEST_NAME: Final = 256
"""A name is the value of a tag."""

_LONGEST_KEY_NAME: Final = 255
_MOST_GROUPS: Final = 16
"""The highest quota of security groups for one network interface."""

_DISK: Final = ("size", "type", "keep")


class Ec2Mapping(StartMapping):
    """The mapping of Amazon EC2."""

    ids_only = frozenset({"image", "size"})
    lists: ClassVar[dict[str, StartList]] = {
        **StartMapping.lists,
        "list_networks": StartList(
            "ex_list_subnets", lambda one: to_network(one, cidr=one.extra.get("cidr_block"))
        ),
        "list_firewalls": StartList(
            "ex_get_security_groups",
            lambda one: to_firewall(one, description=one.extra.get("description")),
        ),
    }
    known_options: ClassVar[options.Kinds] = {  # the arguments that no field sets
        "ex_blockdevicemappings": list,
        "ex_ebs_optimized": bool,
        "ex_iamprofile": str,
        "ex_placement_group": str,
        "ex_terminate_on_shutdown": bool,
    }

    lacking: ClassVar[Mapping[str, str]] = {}
    """The fields that a cloud with this API does not take, with the reasons."""

    has_region_in_zones: ClassVar[bool] = True
    """Whether the name of a zone begins with the name of its region."""

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how the cloud takes it, or why it does not; send nothing."""
        return {
            **super().fields(driver_class),
            "keyname": StartField(given_as="name", id_pattern=NAMES_ONLY),
            "ssh_keys": ssh_keys_field(_USER_DATA_BYTES),
            "user_data": StartField(max_bytes=_USER_DATA_BYTES),
            "networks": StartField(
                limit=1, id_pattern="subnet-[0-9a-f]+", note="a subnet; its zone is the VM's zone"
            ),
            "firewalls": StartField(
                limit=_MOST_GROUPS,
                id_pattern="sg-[0-9a-f]+",
                note="security groups in the VPC of the subnet; without one, of the default VPC",
            ),
            "location": StartField(
                given_as="name", id_pattern="[0-9]+", note="an availability zone"
            ),
            "public_ip": StartField(),
            "root_disk": StartField(parts=_DISK, note="a type of EBS volume, such as gp3"),
            "volumes": StartField(limit=ec2_values.MOST_VOLUMES, parts=_DISK, note="EBS volumes"),
            "tags": StartField(limit=ec2_values.MOST_TAGS),
            "spot": StartField(parts=("max_price",), note="the price in US dollars"),
            "metadata": StartField(
                limit=ec2_values.MOST_TAGS, note="stored as tags, which the VM does not see"
            ),
            "options": StartField(
                parts=tuple(sorted(self.known_options)), note="arguments of Libcloud's create_node"
            ),
            **self.lacking,
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node`` for the optional fields of a start.

        Raises:
            InvalidParameter: EC2 would refuse a value; nothing was created.
        """
        if len(request.name) > _LONGEST_NAME:
            raise InvalidParameter("name", f"must be at most {_LONGEST_NAME} characters")
        tags = ec2_values.merged_tags(request.tags, request.metadata or {})
        disks = ec2_values.mappings(request.image, request.root_disk, request.volumes)
        user_data = user_data_of(request.user_data, request.ssh_keys)
        return {
            **self.key(driver, request.keyname),
            **({"ex_userdata": user_data} if user_data is not None else {}),
            **_network(request.networks, request.firewalls),
            **self.location(driver, request.location),
            # correct_start makes it false where the request says so.
            **({"ex_assign_public_ip": True} if request.public_ip is not None else {}),
            **({"ex_blockdevicemappings": disks} if disks else {}),
            **({"ex_metadata": tags} if tags else {}),
            **_spot(request),
        }

    def key(self, driver: Any, keyname: str | None) -> dict[str, Any]:
        """Return the argument with a key pair's name."""
        if keyname is None:
            return {}
        if not keyname.isascii() or len(keyname) > _LONGEST_KEY_NAME:
            raise InvalidParameter(
                "keyname", f"must be at most {_LONGEST_KEY_NAME} characters of ASCII"
            )
        return {"ex_keyname": keyname}

    def location(self, driver: Any, location: str | None) -> dict[str, Any]:
        """Return the argument with the zone, of which Libcloud reads name and region only."""
        if location is None:
            return {}
        region = driver.region_name
        if self.has_region_in_zones and not location.startswith(region):
            raise InvalidParameter("location", f"{location!r} is not a zone of region {region}")
        zone = SimpleNamespace(name=location, region_name=region)
        return {"location": SimpleNamespace(availability_zone=zone)}

    def option_arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as arguments of ``create_node``."""
        found = options.checked(given, self.known_options)
        return {name: _in_text(value) for name, value in found.items()}

    @contextmanager
    def sending(self, driver: Any, request: StartRequest) -> Iterator[None]:
        """Correct the request that Libcloud sends for a start."""
        with correct_start(driver, public_ip=request.public_ip):
            yield


class CompatibleMapping(Ec2Mapping):
    """The mapping of Eucalyptus and OUTSCALE's FCU."""

    has_region_in_zones = False
    lacking: ClassVar[Mapping[str, str]] = {
        "public_ip": "This cloud attaches a public address after the start",
        "spot": "This cloud has no spot instances",
    }


class OutscaleMapping(CompatibleMapping):
    """The mapping of OUTSCALE's FCU, whose driver refuses an IAM profile."""

    known_options: ClassVar[options.Kinds] = {
        name: kind for name, kind in Ec2Mapping.known_options.items() if name != "ex_iamprofile"
    }


class NimbusMapping(CompatibleMapping):
    """The mapping of Nimbus, which ignores most parameters of a start."""

    lists = StartMapping.lists
    lacking: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            (
                *("networks", "firewalls", "root_disk", "volumes", "tags", "metadata"),
                *("public_ip", "spot"),
            ),
            "Nimbus ignores it",
        ),
    }
    known_options: ClassVar[options.Kinds] = {"ex_terminate_on_shutdown": bool}


def _network(networks: Sequence[str], firewalls: Sequence[str]) -> dict[str, Any]:
    """Return the arguments with subnet and security groups.

    Libcloud takes ids of groups only together with a subnet, and EC2 also without one. An object
    without an id satisfies Libcloud, which then sends no subnet.
    """
    subnet = networks[0] if networks else None
    found: dict[str, Any] = {}
    if networks or firewalls:
        found["ex_subnet"] = SimpleNamespace(id=subnet)
    if firewalls:
        found["ex_security_group_ids"] = list(firewalls)
    return found


def _spot(request: StartRequest) -> dict[str, Any]:
    if request.spot is None:
        return {}
    highest = request.spot.max_price
    more = {} if highest is None else {"ex_spot_max_price": ec2_values.price(highest)}
    return {"ex_spot": True, **more}


def _in_text(value: Any) -> Any:
    """Return a JSON value with booleans as EC2 reads them: Libcloud would send ``True``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [_in_text(one) for one in value]
    if isinstance(value, dict):
        return {name: _in_text(one) for name, one in value.items()}
    return value
