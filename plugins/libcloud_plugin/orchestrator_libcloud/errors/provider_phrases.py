"""Meanings of providers' sentences, for errors whose code says nothing.

Only a provider's own sentence is used, never a page of a proxy. Text from the caller that a
sentence quotes is left out.
"""

from __future__ import annotations

import re
from typing import Final

from orchestrator_libcloud.errors import failures
from orchestrator_libcloud.errors.failures import Meaning
from orchestrator_libcloud.patterns import Pattern

_Table = tuple[tuple[Pattern, Meaning], ...]


def _table(*lines: tuple[Meaning, *tuple[str, ...]]) -> _Table:
    return tuple(
        (Pattern("|".join(patterns), re.IGNORECASE), meaning) for meaning, *patterns in lines
    )


def _pattern(text: str) -> Pattern:
    """Compile a pattern in which ``<near>`` stands for words of the same sentence."""
    return Pattern(text.replace("<near>", r"(?:[^.]|\.(?=\S)){0,60}"), re.IGNORECASE)


_ABSENT: Final = r"\b(?:not exist|(?:not|n't) (?:be )?found|no longer exists?)"
_CANNOT_FIND: Final = r"(?:unable to|could(?: not|n't)|can ?not|can't) find (?:an? |the |any )?"

_TELLING: Final = _table(
    # nova/exception.py: MetadataLimitExceeded, BootFromVolumeRequiredForZeroDiskFlavor,
    # FlavorMemoryTooSmall, FlavorDiskSmallerThanMinDisk, ImageVCPULimitsRangeExceeded.
    (
        failures.BAD_METADATA,
        r"\b(?:metadata items|tags|labels)\b.{0,40}\b(?:exceed|limit|more than)",
        r"too many (?:metadata|tags|labels)",
    ),
    (
        failures.WRONG_SIZE,
        r"\bflavors? with zero disk",
        r"\bresize to zero disk flavou?r",
        r"\binstances must change flavou?r",
        r"\bflavou?r's (?:disk|memory|ram) is (?:too small|smaller)",
        r"\binstance's disk would be too small",
        r"\bexceeds the limits of the flavou?r",
    ),
    (failures.NO_SIZE, r"invalid value '[^']*' for instance ?type"),
)
"""Sentences that mean one thing in every context."""

_RATE: Final = Pattern(
    r"\brate[- ]?limit|too many (?:api )?(?:requests|calls)|throttl|request rate"
    r"|\brequests per (?:second|minute|hour|user)|slow down",
    re.IGNORECASE,
)
_QUOTA: Final = _pattern(
    r"\bquotas?\b|\blimits?\b<near>\b(?:exceeded|reached|exhausted)"
    r"|\b(?:exceed\w*|reach\w*|hit|over)\b<near>\blimits?\b"
    r"|\bmaximum (?:number|amount|count)\b<near>\b(?:exceed|reach)"
    r"|\b(?:exceed|reach)\w*\b[^.]{0,30}\bmaximum (?:number|amount|count)"
    r"|too many (?:servers|instances|vms|droplets|nodes|machines)"
    r"|(?:insufficient|not enough) (?:funds|credits?|balance)",
)
_LENGTH: Final = Pattern(
    r"\b(?:length|characters?|chars|bytes|too long|too large)\b", re.IGNORECASE
)
_CAPACITY: Final = _pattern(
    r"no valid host|out of (?:capacity|stock|resources)|sold out|stock ?out"
    r"|\b(?:insufficient|not enough|lack of|no (?:more|available|free|provisionable))\b<near>"
    r"\b(?:capacity|resources?|servers?|hosts?|addresses|ips?|memory|hardware)\b"
    r"|n[o']t have (?:enough|sufficient)\b|is currently unavailable in"
    r"|unable to (?:create a deployment|find (?:a )?suitable)|no (?:more )?(?:fixed )?ip addresses"
    r"|\bcapacity\b.{0,20}\b(?:exceeded|reached|unavailable|not available)",
)
_PERMISSION: Final = Pattern(
    r"\bpolic(?:y|ies)\b|permission|\bnot (?:authori[sz]ed|allowed|permitted)|authori[sz]ation"
    r"|\baccess\b|\bdenied\b|privilege|\broles?\b|credential|\bforbidden\b|\btoken\b",
    re.IGNORECASE,
)

_OTHERS: Final = _table(
    (
        failures.NO_KEY,
        r"invalid key_?name",
        rf"\bkey ?pair\b.*{_ABSENT}",
        rf"\bssh key\b.*{_ABSENT}",
        rf"{_CANNOT_FIND}(?:key ?pair|ssh key)\b",
    ),
    (
        failures.NO_IMAGE,
        rf"\b(?:image|template)\b.*{_ABSENT}",
        rf"{_CANNOT_FIND}(?:requested )?(?:image|template)\b",
        r"/images/[^' ]+'? was not found",
    ),
    (
        failures.BAD_IMAGE,
        r"invalid image ?ref",
        r"image \S+ is (?:not active|unacceptable)",
        r"not authori[sz]ed for image",
        r"\binvalid (?:image|template|os)\b",
    ),
    (
        failures.NO_SIZE,
        rf"\b(?:flavou?r|instance type)\b.*{_ABSENT}",
        rf"{_CANNOT_FIND}(?:flavou?r|instance type)\b",
        r"invalid flavor ?ref",
        r"/machineTypes/[^' ]+'? (?:was not found|does not exist)",
    ),
    (
        failures.BAD_SIZE,
        r"\b(?:size|plan|flavou?r|instance type)\b.{0,40} (?:is|are) not (?:available|supported)",
    ),
    (
        failures.WRONG_SIZE,
        r"\binvalid (?:size|plan|flavou?r|(?:instance|machine|server) type)\b",
    ),
    (failures.BAD_KEY, r"\binvalid (?:ssh|key) ?(?:key|pair)s?\b"),
    # Paths of Google and Azure.
    (failures.NO_NETWORK, r"/(?:subnetworks|networks|subnets)/[^' ]+'? (?:was not|referenced)"),
    (failures.NO_FIREWALL, r"/networkSecurityGroups/\S+ referenced"),
    (failures.BAD_LOCATION, r"/zones/[^/' ]+'? was not found"),
    (failures.BAD_ROOT_DISK, r"/diskTypes/[^' ]+'? was not found"),
    (failures.BAD_VOLUMES, r"/disks/[^' ]+'? (?:was not found|referenced)"),
    # nova/exception.py: NetworkAmbiguous, NetworkNotFound, NoUniqueMatch, SecurityGroupNotFound,
    # InvalidBDM, InvalidVolume, MismatchVolumeAZException, InstanceGroupNotFound, and the refusals
    # of nova/api/openstack/compute/servers.py.
    (
        failures.BAD_OPTIONS,
        rf"\b(?:instance|server) group\b.*{_ABSENT}",
        rf"\bcompute host\b.*{_ABSENT}",
        r"\bpersonality file (?:path|content)",
    ),
    (
        failures.NEEDS_NETWORK,
        r"(?:multiple|more than one) possible networks? found",
        r"unable to automatically allocate a network",
        r"specify a subnet",
        r"'networks' is a required property",  # from Nova's microversion 2.37 on
    ),
    (
        failures.NO_NETWORK,
        rf"\b(?:network|subnet)\b.*{_ABSENT}",
        rf"{_CANNOT_FIND}(?:network|subnet)\b",
    ),
    (failures.BAD_NETWORK, r"\bnetwork \S+ requires a subnet"),
    (
        failures.NO_FIREWALL,
        rf"\bsecurity[ _]group\b.*{_ABSENT}",
        rf"{_CANNOT_FIND}security[ _]group\b",
    ),
    (failures.BAD_FIREWALL, r"multiple security[ _]groups?\b.*\bmatch"),
    (
        failures.BAD_LOCATION,
        r"availability zone\b.*\b(?:not available|do(?:es)? not match)",
        r"invalid availability zone",
    ),
    (failures.BAD_USER_DATA, r"\buser ?data\b.{0,40}\b(?:limited|too large|invalid|base ?64)"),
    (
        failures.BAD_VOLUMES,
        r"failed to get volume",
        rf"\bvolume\b.*{_ABSENT}",
        rf"{_CANNOT_FIND}volume\b",
        r"\binvalid volume:",
    ),
    (
        failures.BAD_ROOT_DISK,
        r"block device mapping is invalid",
        r"\bvolume is (?:too small|smaller)",
        r"block device \S+ is not bootable",
    ),
    # Not with _CANNOT_FIND: "cannot find a server" may mean a host with capacity.
    (failures.NO_NODE, rf"\b(?:server|instance|node|vm)\b.*{_ABSENT}"),
    (failures.BAD_METADATA, r"invalid metadata", r"metadata (?:property )?(?:key|value)"),
    (
        failures.BAD_NAME,
        r"\ban invalid 'name' value",
        r"\b(?:server|host|instance|vm) ?name (?:is|has)\b",
        r"\bname\b.{0,20}\b(?:is|are) (?:too long|not valid|invalid)",
        r"\b(?:host)?names? (?:must|may|can) (?:only |not )?(?:be|contain|start|begin|end|match)",
        r"only valid hostname characters",
        r"invalid (?:host|server|vm|instance) ?name",
    ),
    (failures.STATE, r"while it is in (?:vm|task)_state", r"in an invalid state"),
    (
        failures.UNREACHABLE,
        r"name or service not known",
        r"getaddrinfo failed",
        r"connection (?:refused|reset)",
    ),
    (
        failures.CREDENTIALS,
        r"unauthori[sz]ed",
        r"(?:invalid|bad|wrong) credentials",
        r"authentication failed",
    ),
)

_QUOTED: Final = Pattern(r"(?<!\w)(['\"`])(?:(?!\1).){0,300}\1(?!\w)")


def telling(sentence: str) -> Meaning | None:
    """Return the meaning of a sentence that needs neither code nor status."""
    return _first(_TELLING, sentence)


def limit(sentence: str) -> Meaning | None:
    """Return whether a sentence is about too many requests, quota or capacity."""
    text = _QUOTED.sub("''", sentence)
    if _RATE.search(text):
        return failures.SLOWER
    if _QUOTA.search(text) and not _LENGTH.search(text):
        return failures.QUOTA
    if _CAPACITY.search(text) and not _PERMISSION.search(text):
        return failures.CAPACITY
    return None


def other(sentence: str) -> Meaning | None:
    """Return the other meanings of a sentence."""
    return _first(_OTHERS, sentence)


def speaks_of_permission(sentence: str) -> bool:
    """Return whether a sentence says that these credentials must not do this."""
    return _PERMISSION.search(sentence) is not None


def _first(table: _Table, sentence: str) -> Meaning | None:
    return next((meaning for pattern, meaning in table if pattern.search(sentence)), None)
