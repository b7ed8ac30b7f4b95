"""Corrections of driver objects that would leave out a node, or a part of it.

Each replaces a method of one driver object by one that shows the item with its known parts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from orchestrator_libcloud.errors.item_refusals import GONE, HIDDEN, status_of
from orchestrator_libcloud.nodes.addresses import is_public_address
from orchestrator_libcloud.nodes.states import modules

_DRIVERS: Final = "libcloud.compute.drivers."
_NIC_STATUSES: Final = GONE | HIDDEN


def repair(driver: Any) -> None:
    """Correct a driver object, if there is a correction for it."""
    for module in modules(driver):
        correct = _REPAIRS.get(module.removeprefix(_DRIVERS))
        if correct is not None:
            correct(driver)


def _azure(driver: Any) -> None:
    """Request every NIC and all its addresses; Libcloud reads only the first address of a NIC."""
    convert = driver._to_node  # noqa: SLF001 - the driver's only place for it

    @functools.wraps(convert)
    def to_node(data: Any, *, fetch_nic: bool = True, fetch_power_state: bool = True) -> Any:
        properties = data["properties"]
        # A VM that is being created, or whose creation failed, may have no network profile.
        without = properties | {"networkProfile": {"networkInterfaces": []}}
        known = data | {"properties": without}
        node = convert(known, fetch_nic=False, fetch_power_state=fetch_power_state)
        node.extra = data
        if fetch_nic:
            for address, is_public in _azure_addresses(driver, properties):
                (node.public_ips if is_public else node.private_ips).append(address)
        return node

    driver._to_node = to_node  # noqa: SLF001


def _azure_addresses(driver: Any, properties: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    profile = properties.get("networkProfile") or {}
    for nic in profile.get("networkInterfaces") or ():
        found = _known(driver.ex_get_nic, nic["id"])
        for one in ((found and found.extra) or {}).get("ipConfigurations") or ():
            configuration = one.get("properties") or {}
            if private := configuration.get("privateIPAddress"):
                yield private, False
            if public := configuration.get("publicIPAddress"):
                known = _known(driver.ex_get_public_ip, public["id"])
                if address := ((known and known.extra) or {}).get("ipAddress"):
                    yield address, True


def _known(ask: Callable[[str], Any], wanted: str) -> Any:
    """Return an answer; None if the thing was deleted meanwhile, or is hidden from this user.

    Any other failure has ended the list before this point.
    """
    try:
        return ask(wanted)
    except Exception as error:
        if status_of(error) in _NIC_STATUSES:
            return None
        raise


def _google(driver: Any) -> None:
    """Show instances without their boot disk, if the list of disks does not have it.

    Libcloud leaves out such an instance. Its disk may be deleted or created meanwhile, or it may be
    a regional disk, which Libcloud does not support.
    """
    convert = driver._to_node  # noqa: SLF001 - the driver's only place for it

    @functools.wraps(convert)
    def to_node(node: Any, *, use_disk_cache: bool = False) -> Any:
        shown = convert(node | {"disks": []}, use_disk_cache=use_disk_cache)
        shown.extra["disks"] = node.get("disks") or []
        disk = _boot_disk(driver, shown.extra["disks"])
        if disk is not None:
            shown.extra["boot_disk"] = disk
            source = disk.extra.get("sourceImage")
            if source and not shown.image:
                shown.image = shown.extra["image"] = source.rpartition("/")[2]
        return shown

    driver._to_node = to_node  # noqa: SLF001


def _boot_disk(driver: Any, disks: Any) -> Any:
    """Return an instance's boot disk as a Libcloud volume, None if it is not known."""
    sources = (d.get("source") for d in disks if d.get("boot") and d.get("type") == "PERSISTENT")
    parts = (next((s for s in sources if s), "")).split("/")
    if parts[-4:-3] not in (["zones"], ["regions"]):
        return None
    kind, place, _, name = parts[-4:]
    # Libcloud names zones alone and regions with their kind.
    known = driver._ex_volume_dict.get(name, {})  # noqa: SLF001 - one request for all instances
    disk = known.get(place if kind == "zones" else f"{kind}/{place}")
    if disk is None:
        return None
    # The constructor requires a zone; a regional disk is in several.
    zone = disk.get("zone") or next(iter(disk.get("replicaZones") or ()), None)
    try:
        return driver._to_storage_volume({**disk, "zone": zone}) if zone else None  # noqa: SLF001
    except (LookupError, AttributeError, TypeError):
        return None  # an odd disk does not hide the instance


def _cloudsigma(driver: Any) -> None:
    """Read IPv6 addresses, on which Libcloud fails; continue without a drive that is gone."""
    if hasattr(driver, "_parse_ips_from_nic"):
        driver._parse_ips_from_nic = _cloudsigma_addresses  # noqa: SLF001
        ask = driver.ex_get_drive

        def get_drive(drive_id: str) -> Any:
            return _known(ask, drive_id) or _NoDrive()

        driver.ex_get_drive = get_drive


class _NoDrive:
    """Replacement for a drive that cannot be seen."""

    size = 0

    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}


def _cloudsigma_addresses(nic: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    configured = [(nic.get(name) or {}).get("ip") for name in ("ip_v4_conf", "ip_v6_conf")]
    running = [(nic.get("runtime") or {}).get(name) for name in ("ip_v4", "ip_v6")]
    found = dict.fromkeys(ip["uuid"] for ip in (*configured, *running) if ip)
    public = [ip for ip in found if is_public_address(ip)]
    return public, [ip for ip in found if ip not in public]


def _amazon(driver: Any) -> None:
    """Read the name of an image's root device, without which its size cannot be chosen."""
    convert = driver._to_image  # noqa: SLF001 - the driver's only place for it

    @functools.wraps(convert)
    def to_image(element: Any) -> Any:
        image = convert(element)
        # Amazon and the clouds with its API use different namespaces.
        name = element.find("{*}rootDeviceName")
        image.extra["root_device_name"] = None if name is None else name.text
        return image

    driver._to_image = to_image  # noqa: SLF001


_REPAIRS: Final[dict[str, Callable[[Any], None]]] = {
    "azure_arm": _azure,
    "cloudsigma": _cloudsigma,
    "ec2": _amazon,
    "gce": _google,
}
"""A driver's module to its correction."""
