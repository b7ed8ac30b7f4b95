"""The catalogue of services that comes with a token.

A service is found by its type, because its name is free text: clouds call Nova ``nova``,
``compute`` or ``Compute Service``. Source: the service catalogue of Keystone's Identity API v3
and the type names of the OpenStack service types authority.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_core import CloudError, InvalidAnswer
from orchestrator_libcloud.openstack import addresses

_ALIASES: Final = {
    "volumev3": ("volumev3", "block-storage", "block-store", "volume"),
    "volumev2": ("volumev2", "block-storage", "block-store", "volume"),
}
_USUAL_REGION: Final = "RegionOne"
"""Libcloud's default; used only if the settings name none and the cloud has it."""

_VERSION_2: Final = {"publicURL": "public", "internalURL": "internal", "adminURL": "admin"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of one service."""

    service_type: str
    service_name: str
    regions: frozenset[str]
    interface: str
    url: str


def endpoints(catalog: Any) -> list[Endpoint]:
    """Return the addresses in a catalogue of Keystone's API v3, v2.0 or v1.1.

    Entries without a type or a URL are left out, because they cannot be used.

    Raises:
        InvalidAnswer: the answer is not a catalogue.
    """
    if catalog is None:
        return []
    if isinstance(catalog, Mapping):  # version 1.1: the service's name to its addresses
        catalog = [{"type": kind, "endpoints": ends} for kind, ends in catalog.items()]
    if not isinstance(catalog, list):
        raise InvalidAnswer("Keystone returned a catalogue that is not a list")
    return [found for entry in catalog if isinstance(entry, Mapping) for found in _of(entry)]


def _of(entry: Mapping[str, Any]) -> Iterator[Endpoint]:
    kind, name = entry.get("type"), entry.get("name")
    for item in entry.get("endpoints") or ():
        if not isinstance(item, Mapping) or not isinstance(kind, str):
            continue
        regions = frozenset(
            item[key] for key in ("region_id", "region") if isinstance(item.get(key), str)
        )
        for interface, url in _urls(item):
            if isinstance(url, str) and url:
                yield Endpoint(kind, str(name or ""), regions, interface, url)


def _urls(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "url" in item:
        # Some clouds use version 2's names in version 3's catalogue.
        interface = str(item.get("interface", "public"))
        yield interface.removesuffix("URL"), item["url"]
    for key, interface in _VERSION_2.items():
        if key in item:
            yield interface, item[key]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The address of a service that the settings ask for.

    Attributes:
        cloud: the cloud's name, for messages.
        region: the region; None for the only one.
        interface: ``public``, ``internal`` or ``admin``.
        service_type: the type of the compute service, if it is not ``compute``.
        service_name: the name of the compute service, if there are several.
    """

    cloud: str
    region: str | None = None
    interface: str = "public"
    service_type: str | None = None
    service_name: str | None = None


def find(catalog: Any, service_type: str, wanted: Wanted) -> str:
    """Return a service's URL in the form to which Libcloud adds its paths.

    Args:
        catalog: Keystone's catalogue.
        service_type: the type of the service, such as ``compute``.
        wanted: the address that the settings ask for.

    Raises:
        CloudError: the catalogue has no such address; the message names those that it has.
    """
    known = endpoints(catalog)
    if not known:
        raise _error(
            wanted,
            "Keystone accepted the login but returned no catalogue of services; name the project "
            "(ex_tenant_name, or project_name or project_id under auth), and check that the user "
            "has a role in it",
        )
    found = _of_type(known, service_type, wanted)
    region = wanted.region or _only_region(found, service_type, wanted)
    there = [one for one in found if region is None or region in one.regions]
    if not there:
        raise _error(
            wanted,
            f"the catalogue has no {service_type} service in region {region!r}; "
            f"set region to one of: {_words(r for one in found for r in one.regions)}",
        )
    facing = [one for one in there if one.interface == wanted.interface]
    if not facing:
        raise _error(
            wanted,
            f"the catalogue has no {wanted.interface} address of the {service_type} service; "
            f"set interface to one of: {_words(one.interface for one in there)}",
        )
    url = facing[0].url
    if why := addresses.fault(url):
        raise _error(wanted, f"the catalogue's address of the {service_type} service {why}")
    return addresses.service_url(service_type, url)


def _of_type(known: list[Endpoint], service_type: str, wanted: Wanted) -> list[Endpoint]:
    is_compute = service_type == "compute"
    kind = (wanted.service_type if is_compute else None) or service_type
    for alias in _ALIASES.get(kind, (kind,)):
        found = [one for one in known if one.service_type == alias]
        if found:
            break
    else:
        types = _words(one.service_type for one in known)
        raise _error(wanted, f"the catalogue has no {kind} service; it has: {types}")
    name = wanted.service_name if is_compute else None
    named = [one for one in found if name is None or one.service_name == name]
    if not named:
        names = _words(one.service_name for one in found)
        raise _error(
            wanted,
            f"the catalogue has no {kind} service named {name!r}; "
            f"leave ex_force_service_name out, or set it to one of: {names}",
        )
    return named


def _only_region(found: list[Endpoint], service_type: str, wanted: Wanted) -> str | None:
    regions = {region for one in found for region in one.regions}
    if len({one.regions for one in found}) <= 1:
        return None
    if _USUAL_REGION in regions:
        return _USUAL_REGION
    raise _error(
        wanted,
        f"the {service_type} service is in several regions; set region to one of: "
        f"{_words(regions)}",
    )


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names) - {""})) or "none"


def _error(wanted: Wanted, why: str) -> CloudError:
    return CloudError(f"Cloud {wanted.cloud} cannot be used with its settings: {why}")
