"""The fields of a start at Google Compute Engine.

Libcloud fetches the network, the disk type and others by their names before each start. Google
takes partial URLs as well, so that this mapping makes the disks and network interfaces itself and
no request is needed before the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from orchestrator_core import (
    Firewall,
    InvalidParameter,
    Network,
    StartField,
    StartRequest,
)
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts.google_disks import NAME, root_disk, volume_disk
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import (
    StartFields,
    StartMapping,
    checked_pairs,
    not_taken,
)
from orchestrator_libcloud.starts.options import Kinds
from orchestrator_libcloud.starts.values import ANY, bare

_USER_OPTION: Final = "ssh_user"
_OPTIONS: Final = {
    **dict.fromkeys(("description", "ex_accelerator_type", "ex_on_host_maintenance"), str),
    **dict.fromkeys(("ex_automatic_restart", "ex_can_ip_forward"), bool),
    "ex_accelerator_count": int,
    "ex_service_accounts": list,
    _USER_OPTION: str,
}
_USER: Final = "orchestrator"
"""The account of keys without a user's name, unless the options name another one."""

_ACCOUNT: Final = Pattern(r"[a-z_][a-z0-9_-]{0,30}")
_COMMENT: Final = Pattern(r"([a-z_][a-z0-9_-]{0,30})@\S+")
_ADMINISTRATOR: Final = "root"
"""Google's images do not allow this account to log in."""

_MOST_LABELS: Final = 64
_LABEL_KEY: Final = Pattern(r"[^\W\d_A-Z][\w-]{0,62}")
_LABEL_VALUE: Final = Pattern(r"[\w-]{0,63}")
_METADATA_KEY: Final = Pattern(r"[A-Za-z0-9_-]{1,127}")
_NETWORK_TAG: Final = Pattern(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ZONE: Final = Pattern(r"[a-z]+(?:-[a-z0-9]+){2,}")
_PATH: Final = Pattern(r"(?:projects/[a-z0-9.:-]+/)?regions/[a-z0-9-]+/subnetworks/[a-z0-9-]+")
_API: Final = "https://www.googleapis.com/compute/v1/"
_MISREAD: Final = ({"key", "value"}, {"items"})
"""Sets of metadata keys that Libcloud takes for other forms of metadata."""


def _subnets(driver: Any) -> list[Any]:
    # Libcloud's own list asks for the network and the region of each subnet.
    answer = driver.connection.request("/aggregated/subnetworks", method="GET").object
    found = answer.get("items", {}).values()
    return [subnet for place in found for subnet in place.get("subnetworks", ())]


def _subnet(item: Any) -> Network:
    region = item["region"].rpartition("/")[2]
    path = f"regions/{region}/subnetworks/{item['name']}"
    return Network(path, item["name"], item.get("ipCidrRange"), region)


def _rules(driver: Any) -> list[tuple[str, list[str]]]:
    """Return the network tags at which firewall rules aim, each with the names of its rules."""
    answer = driver.connection.request("/global/firewalls", method="GET").object
    rules: dict[str, list[str]] = {}
    for rule in answer.get("items", ()):
        for tag in rule.get("targetTags", ()):
            rules.setdefault(tag, []).append(rule["name"])
    return list(rules.items())


def _network_tag(item: Any) -> Firewall:
    tag, rules = item
    return Firewall(tag, tag, f"firewall rules {', '.join(rules)}")


class GoogleMapping(StartMapping):
    """The mapping of Google Compute Engine."""

    lists = {  # noqa: RUF012 - annotated by the base class
        "list_networks": StartList("ex_list_subnetworks", _subnet, _subnets),
        "list_firewalls": StartList("ex_list_firewalls", _network_tag, _rules),
    }
    known_options: ClassVar[Kinds] = _OPTIONS
    own_options = (_USER_OPTION,)

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how Google takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": "Google keeps no key pairs with names; give ssh_keys",
            "ssh_keys": StartField(
                note=f"for the user in a key's comment (user@host), else {_USER!r}, unless the "
                f"option {_USER_OPTION} names one; not in projects with OS Login"
            ),
            "user_data": StartField(
                note="for images with cloud-init; others run the metadata 'startup-script'"
            ),
            "networks": StartField(
                limit=8, id_pattern=ANY, note="subnets of the zone's region, by name or path"
            ),
            "firewalls": StartField(
                limit=64, id_pattern=ANY, note="network tags, by which firewall rules choose VMs"
            ),
            "location": StartField(given_as="name", id_pattern="[0-9]+", note="a zone"),
            "public_ip": StartField(note="true unless it is false"),
            "root_disk": StartField(),
            "volumes": StartField(note="existing ones by name"),
            "tags": StartField(limit=_MOST_LABELS, note="labels"),
            "spot": StartField(parts=(), note="a preemptible VM, which runs at most 24 hours"),
            "metadata": StartField(),
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``, with everything as partial URLs."""
        zone = _zone(driver, request.location)
        is_public = request.public_ip is not False
        arguments: dict[str, Any] = {
            "location": bare(name=zone),
            # With this name Libcloud takes the interfaces instead of the network.
            "ex_network": bare(name="default"),
            "ex_nic_gce_struct": list(_interfaces(request.networks, zone, is_public=is_public)),
            "ex_disk_type": None,
            "ex_disks_gce_struct": [
                root_disk(driver, request, zone),
                *(volume_disk(volume, zone) for volume in request.volumes),
            ],
        }
        if metadata := _metadata(request):
            arguments["ex_metadata"] = metadata
        if request.firewalls:
            arguments["ex_tags"] = _network_tags(request.firewalls)
        if request.tags:
            arguments["ex_labels"] = _labels(request.tags)
        if request.spot is not None:
            arguments |= {"ex_preemptible": True, "ex_automatic_restart": False}
        return arguments

    def image(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the image, which Libcloud does not read beside our own disks."""
        return {"image": bare(name=request.image.name)}

    def size(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the size in the zone of the start: the same id stands for it in each zone."""
        name = request.size.name
        link = f"zones/{_zone(driver, request.location)}/machineTypes/{name}"
        return {"size": bare(name=name, extra={"selfLink": link})}


def _zone(driver: Any, location: str | None) -> str:
    if location is None and driver.zone is not None:
        return str(driver.zone.name)
    if location is None:
        reason = "is missing; give a zone, or set region in the settings of the cloud to a zone"
        raise InvalidParameter("location", reason)
    if not _ZONE.fullmatch(location):
        raise InvalidParameter("location", f"{location!r} must be a zone, such as europe-west1-b")
    return location


def _interfaces(networks: Sequence[str], zone: str, *, is_public: bool) -> Iterator[dict[str, Any]]:
    """Yield one interface for each network; only the first has a public address."""
    region = zone.rpartition("-")[0]
    places = [{"subnetwork": _subnetwork(network, region)} for network in networks]
    for place in places or [{"network": "global/networks/default"}]:
        nat = [{"name": "External NAT", "type": "ONE_TO_ONE_NAT"}]
        yield {**place, **({"accessConfigs": nat} if is_public else {})}
        is_public = False


def _subnetwork(reference: str, region: str) -> str:
    path = reference.removeprefix(_API)
    if _PATH.fullmatch(path):
        return path
    if not NAME.fullmatch(reference):
        reason = f"{reference!r} must be the name of a subnet, or regions/REGION/subnetworks/NAME"
        raise InvalidParameter("networks", reason)
    return f"regions/{region}/subnetworks/{reference}"


def _metadata(request: StartRequest) -> dict[str, str]:
    """Return the guest's metadata: the caller's, the user data and the keys."""
    given = checked_pairs(request.metadata or {}, "metadata")
    if set(given) in _MISREAD:
        keys = " and ".join(sorted(given))
        reason = f"must have another key beside {keys}, which Libcloud would misread"
        raise InvalidParameter("metadata", reason)
    added: dict[str, str] = {}
    if request.user_data is not None:
        added["user-data"] = request.user_data
    if request.ssh_keys:
        user = _user(request.options)
        added["ssh-keys"] = "\n".join(_key_line(key, user) for key in request.ssh_keys)
    for key in given:
        if not _METADATA_KEY.fullmatch(key):
            reason = f"the key {key!r} must be letters, digits, hyphens and underscores"
            raise InvalidParameter("metadata", reason)
        if key in added:
            raise InvalidParameter("metadata", f"the key {key!r} is already set by another field")
    return {**given, **added}


def _user(options: Mapping[str, Any]) -> str | None:
    user = options.get(_USER_OPTION)
    if user is not None and not (isinstance(user, str) and _ACCOUNT.fullmatch(user)):
        raise InvalidParameter("options", f"{_USER_OPTION} must be the name of a Linux account")
    return user


def _key_line(key: str, user: str | None) -> str:
    """Return a key with the account that Google's guest agent makes for it."""
    _, _, comment = key.split(" ", 2) if key.count(" ") > 1 else ("", "", "")
    named = _COMMENT.fullmatch(comment)
    own = named[1] if named and named[1] != _ADMINISTRATOR else _USER
    return f"{user or own}:{key}"


def _network_tags(tags: Sequence[str]) -> list[str]:
    for tag in tags:
        if not _NETWORK_TAG.fullmatch(tag):
            reason = f"{tag!r} must be a network tag: lower-case letters, digits and hyphens"
            raise InvalidParameter("firewalls", reason)
    return list(tags)


def _labels(tags: Mapping[str, str]) -> dict[str, str]:
    for key, value in checked_pairs(tags, "tags").items():
        is_lower = f"{key}{value}" == f"{key}{value}".lower()
        if not (is_lower and _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
            reason = (
                f"{key!r} must have lower-case letters, digits, hyphens and underscores, at most "
                "63 each in key and value, and a letter at the beginning of the key"
            )
            raise InvalidParameter("tags", reason)
    return dict(tags)
