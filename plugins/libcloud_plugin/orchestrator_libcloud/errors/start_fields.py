"""The parameter of a start that a provider's refusal names, as our name for it."""

from __future__ import annotations

import re
from typing import Final

from orchestrator_libcloud.errors.refusal import Refusal
from orchestrator_libcloud.patterns import Pattern

_NAMES: Final[dict[str, str]] = {
    "name": "name hostname label title servername instancename vmname displayname computername",
    "image": (
        "image imageref imageid imagename template templateid distribution os osid sourceimage "
        "imagereference disksource"
    ),
    "size": (
        "size sizeid flavor flavorref flavorid type plan planid machinetype instancetype vmsize "
        "commercialtype serviceofferingid hardwareprofile servertype"
    ),
    "keyname": "keyname keypair keypairname sshkey sshkeys sshkeyid sshkeyids keypairs",
    "ssh_keys": "authorizedkeys publickeys keydata",
    "metadata": "metadata",
    "tags": "tags labels tag",
    "networks": (
        "network networks networkid networkids subnet subnetid subnetwork vpcuuid vpcid attachvpc"
    ),
    "firewalls": (
        "securitygroup securitygroups securitygroupid securitygroupids firewallgroupid "
        "networksecuritygroup"
    ),
    "location": "availabilityzone zone location region",
    "user_data": "userdata customdata",
}
_OURS: Final = {word: ours for ours, words in _NAMES.items() for word in words.split()}

_NOVA: Final = Pattern(r"Invalid input for field/attribute (?P<field>[^\n]{1,255}?)\. Value: ")
"""``nova/api/validation/validators.py``: the last part of the path to the wrong value."""

_IN_SENTENCE: Final = (
    Pattern(r"\bfor field '(?:resource\.)?(?P<field>[\w.\[\]]{1,100})"),  # Google
    Pattern(r"\bfor (?:parameter )?(?P<field>InstanceType|ImageId|KeyName)\b"),  # Amazon
    Pattern(r"\bparameter [`'\"]?(?P<field>\w{1,64})[`'\"]? (?:is|has|value)\b", re.IGNORECASE),
)

_OPTIONS: Final = (
    "OS-DCF:diskConfig config_drive personality path contents os:scheduler_hints group query cidr "
    "different_host same_host target_cell different_cell build_near_host_ip reservation"
)
_OPTIONS_OF_NOVA: Final = frozenset(_OPTIONS.split())
"""Fields that only the options of a start set: properties of a server, hints for the scheduler."""

_SERVER: Final = (
    "server networks uuid fixed_ip port block_device_mapping block_device_mapping_v2 boot_index "
    "source_type destination_type volume_size device_name delete_on_termination guest_format "
    "disk_bus device_type no_device volume_id snapshot_id volume_type availability_zone "
    "user_data min_count max_count security_groups adminPass accessIPv4 accessIPv6 description "
    "host hypervisor_hostname trusted_image_certificates return_reservation_id"
)
_OTHERS_OF_NOVA: Final = frozenset(_SERVER.split())
"""The other properties of a server; any other word is the key of an entry of its metadata."""


def quoted(sentence: str) -> str | None:
    """Return the parameter at a fixed place of a provider's sentence."""
    nova = _NOVA.match(sentence.strip())
    if nova is not None:
        if ours := named(nova["field"]):
            return ours
        if nova["field"] in _OPTIONS_OF_NOVA:
            return "options"
        is_other = nova["field"] in _OTHERS_OF_NOVA or nova["field"].isdecimal()
        return None if is_other else "metadata"
    found = (pattern.search(sentence) for pattern in _IN_SENTENCE)
    return next((ours for match in found if match and (ours := named(match["field"]))), None)


def given(refusal: Refusal) -> str | None:
    """Return the parameter that a refusal names outside its sentence."""
    return named(refusal.field) if refusal.field else None


def named(field: str) -> str | None:
    """Return our name for a provider's: ``name`` for ``resource.name`` or ``metadata.name``."""
    parts = [re.sub(r"[^a-z0-9]", "", part.lower()) for part in re.split(r"[./\[\]]+", field)]
    known = [_OURS[part] for part in parts if part in _OURS]
    return known[-1] if known else None
