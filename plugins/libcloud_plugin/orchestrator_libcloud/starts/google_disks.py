"""The disks of a start at Google Compute Engine, as its API wants them."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_core import InvalidParameter, RootDisk, StartRequest, Volume
from orchestrator_libcloud.changes.lookup import find_image
from orchestrator_libcloud.patterns import Pattern

NAME: Final = Pattern(r"[a-z0-9][a-z0-9-]{0,62}")
"""The form of the names of Google's resources."""


def root_disk(driver: Any, request: StartRequest, zone: str) -> dict[str, Any]:
    """Return the boot disk, made from the image.

    Raises:
        InvalidParameter: the type of the disk is not a name.
    """
    disk = request.root_disk or RootDisk()
    new = {
        "diskName": request.name,
        "sourceImage": _image_link(driver, request),
        **_new_disk(disk, zone),
    }
    return {
        "autoDelete": not disk.keep,
        "boot": True,
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        "deviceName": request.name,
        "initializeParams": new,
    }


def _image_link(driver: Any, request: StartRequest) -> str:
    link = request.image.extra.get("selfLink")
    if not isinstance(link, str):
        link = find_image(driver, request.image.id, None).extra["selfLink"]
    return str(link)


def _new_disk(disk: RootDisk | Volume, zone: str) -> dict[str, Any]:
    if disk.type is not None and not NAME.fullmatch(disk.type):
        field = "root_disk" if isinstance(disk, RootDisk) else "volumes"
        raise InvalidParameter(field, f"{disk.type!r} must be a type of disks, such as pd-ssd")
    size = {} if disk.size is None else {"diskSizeGb": disk.size}
    kind = {} if disk.type is None else {"diskType": f"zones/{zone}/diskTypes/{disk.type}"}
    return {**size, **kind}


def volume_disk(volume: Volume, zone: str) -> dict[str, Any]:
    """Return a new disk, or an existing one by its name.

    Raises:
        InvalidParameter: the type or the id of the disk is not a name.
    """
    attached = {"boot": False, "type": "PERSISTENT", "mode": "READ_WRITE"}
    if volume.id is not None:
        if not NAME.fullmatch(volume.id):
            raise InvalidParameter("volumes", f"{volume.id!r} must be the name of a disk")
        return {"autoDelete": False, **attached, "source": f"zones/{zone}/disks/{volume.id}"}
    return {"autoDelete": not volume.keep, **attached, "initializeParams": _new_disk(volume, zone)}
