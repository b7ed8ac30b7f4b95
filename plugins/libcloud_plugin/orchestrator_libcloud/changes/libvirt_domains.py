"""Permanent removal of a libvirt domain, with its volumes if the settings say so.

Libcloud's ``destroy_node`` only switches a domain off: it stays defined, and its owner may switch
it on again. Here its definition is removed first. libvirt then keeps a running domain as a
transient one, which is gone as soon as it is off. So a domain that must not be undefined stays as
it was, running or not, and it cannot be switched on between two steps.

Source: https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainUndefineFlags
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree as ET

from orchestrator_core import CloudError, Conflict
from orchestrator_libcloud.patterns import Pattern

_log = logging.getLogger(__name__)

MODULE: Final = "libcloud.compute.drivers.libvirt_driver"
_UUID: Final = Pattern(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_SOURCES: Final = ("file", "dev", "volume", "name")
"""Attributes of a disk's source that identify the source."""


def is_domain_id(wanted: str) -> bool:
    """Return whether an id has the form of a domain's id: libvirt fails on any other."""
    return _UUID.match(wanted) is not None


def install(driver_module: Any) -> str | None:
    """Prepare libvirt's library for use in a server; return the missing package, if any.

    By default the library also writes each error to the standard error. Safe to repeat.
    """
    if not driver_module.have_libvirt:
        return "libvirt-python"
    driver_module.libvirt.registerErrorHandler(lambda _context, _error: None, None)
    return None


def is_alive(driver: Any) -> bool:
    """Return whether a driver's connection to its hypervisor is still usable."""
    try:
        return bool(driver.connection.isAlive() == 1)
    except Exception:  # noqa: BLE001 - a connection that fails here is of no use
        return False


def remove(driver: Any, node: Any, *, with_volumes: bool) -> bool:
    """Remove a domain: its definition, then the running machine, then its volumes if requested.

    Args:
        driver: Libcloud's libvirt driver.
        node: the node of the domain.
        with_volumes: whether its disks are deleted too; see :func:`_volumes`.

    Raises:
        Conflict: libvirt refuses to undefine the domain; nothing was changed.
        CloudError: the domain still exists afterwards.
    """
    libvirt = importlib.import_module("libvirt")
    domain = driver.connection.lookupByUUIDString(node.extra["uuid"])
    volumes = list(_volumes(libvirt, driver.connection, domain)) if with_volumes else []
    if domain.isPersistent():
        _undefine(libvirt, domain)
    _switch_off(libvirt, domain)
    _check_gone(libvirt, driver.connection, node.extra["uuid"])
    for volume in volumes:
        _delete(libvirt, volume)
    return True


def _undefine(libvirt: Any, domain: Any) -> None:
    """Undefine a domain with every part of its definition that its driver knows."""
    saved = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    snapshots = saved | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    firmware = snapshots | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    every = firmware | getattr(libvirt, "VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA", 0)
    for flags in (every, firmware, snapshots, saved):
        try:
            domain.undefineFlags(flags)
        except libvirt.libvirtError as error:
            code = error.get_error_code()
            if code == libvirt.VIR_ERR_OPERATION_INVALID:
                raise Conflict(
                    "The hypervisor refuses to undefine this domain in its present state"
                ) from error
            if code not in (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_NO_SUPPORT):
                raise
        else:
            return
    domain.undefine()  # a driver without flags


def _switch_off(libvirt: Any, domain: Any) -> None:
    try:
        if domain.isActive():
            domain.destroy()
    except libvirt.libvirtError as error:
        # The domain went off by itself meanwhile: without a definition it is then gone.
        off = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)
        if error.get_error_code() not in off:
            raise


def _check_gone(libvirt: Any, connection: Any, uuid: str) -> None:
    try:
        connection.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return
        raise
    raise CloudError("The hypervisor still has the domain after it was removed")


def _volumes(libvirt: Any, connection: Any, domain: Any) -> Iterator[Any]:
    """Yield the volumes of a domain's own disks.

    A disk is included only if it is a volume of one of libvirt's storage pools and only this domain
    can write to it. CD-ROMs, read-only and shared disks, volumes that another domain uses, and
    volumes on which another volume is built are left out.
    """
    wanted = set(_own_disks(libvirt, domain))
    others = {
        source
        for other in connection.listAllDomains()
        if other.UUIDString() != domain.UUIDString()
        for source in _all_sources(libvirt, other)
    }
    if not wanted:
        return
    volumes = [v for pool in connection.listAllStoragePools() for v in _in_pool(libvirt, pool)]
    bases = {base for volume in volumes for base in _bases(volume)}
    for volume in volumes:
        names = {(None, volume.path()), (volume.storagePoolLookupByVolume().name(), volume.name())}
        if names.isdisjoint(wanted):
            continue
        if not names.isdisjoint(others) or volume.path() in bases:
            _log.warning("libvirt: the volume %s is kept, because others use it", volume.name())
            continue
        yield volume


def _in_pool(libvirt: Any, pool: Any) -> list[Any]:
    try:
        return list(pool.listAllVolumes())
    except libvirt.libvirtError:  # a pool that is not active
        return []


Source = tuple[str | None, str]


def _own_disks(libvirt: Any, domain: Any) -> Iterator[Source]:
    for disk in _disks(libvirt, domain):
        is_own = disk.find("readonly") is None and disk.find("shareable") is None
        if disk.get("device", "disk") == "disk" and is_own:
            yield from _sources(disk.find("source"))


def _all_sources(libvirt: Any, domain: Any) -> Iterator[Source]:
    for disk in _disks(libvirt, domain):
        for source in disk.iter("source"):
            yield from _sources(source)


def _disks(libvirt: Any, domain: Any) -> Iterator[Any]:
    # A snapshot makes a running domain write to a different file than its definition names.
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        try:
            text = domain.XMLDesc(flags)
        except libvirt.libvirtError:  # gone meanwhile
            continue
        yield from ET.fromstring(text).iterfind("devices/disk")  # noqa: S314 - libvirt's own


def _sources(source: Any) -> Iterator[Source]:
    if source is None:
        return
    for name in _SOURCES:
        if value := source.get(name):
            yield (source.get("pool") if name == "volume" else None), value


def _bases(volume: Any) -> Iterator[str]:
    found = ET.fromstring(volume.XMLDesc()).iterfind("backingStore/path")  # noqa: S314 - as above
    yield from (path.text for path in found if path.text)


def _delete(libvirt: Any, volume: Any) -> None:
    """Delete a volume; ignore a failure, because the VM itself is already gone."""
    name = volume.name()
    try:
        volume.delete(0)
    except libvirt.libvirtError as error:
        _log.warning("libvirt: the volume %s could not be deleted: %s", name, error)
