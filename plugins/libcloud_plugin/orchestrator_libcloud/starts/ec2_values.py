"""Checks and forms of the values of a start on EC2: tags, disks and prices.

Sources: AWS, "Amazon EC2 API Reference", the types Tag, EbsBlockDevice, BlockDeviceMapping and
SpotMarketOptions; "Tag your Amazon EC2 resources", tag restrictions; "Device names for volumes on
Amazon EC2 instances".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from orchestrator_core import Image, InvalidParameter, RootDisk, Volume
from orchestrator_libcloud.starts.mapping import checked_pairs

MOST_TAGS: Final = 48
"""A resource has at most 50 tags; the node's name and the marker are two of them. EC2-compatible
clouds may create the instance first and refuse its tags afterwards.
"""

MOST_VOLUMES: Final = 11

_LONGEST_KEY: Final = 128
_LONGEST_VALUE: Final = 256
_DEVICES: Final = tuple(f"/dev/sd{letter}" for letter in "fghijklmnop")
"""The names that Amazon recommends for additional volumes; every image accepts them."""

_NEEDS_IOPS: Final = frozenset({"io1", "io2"})


def checked_tags(tags: Mapping[str, Any], field: str) -> dict[str, str]:
    """Return tags that EC2 accepts.

    Raises:
        InvalidParameter: EC2 would refuse a tag, or the tag is not the caller's to set.
    """
    for key, value in checked_pairs(tags, field).items():
        if key == "Name":
            raise InvalidParameter(field, "the tag 'Name' is the node's name; use name")
        if key.lower().startswith("aws:"):
            raise InvalidParameter(field, f"the key {key!r} begins with 'aws:', which is Amazon's")
        if len(key) > _LONGEST_KEY:
            raise InvalidParameter(field, f"a key must be at most {_LONGEST_KEY} characters")
        if len(value) > _LONGEST_VALUE:
            raise InvalidParameter(
                field, f"the value of {key!r} must be at most {_LONGEST_VALUE} characters"
            )
    return dict(tags)


def merged_tags(tags: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return all tags of a start: those in ``tags``, and those in ``metadata``.

    Raises:
        InvalidParameter: EC2 would refuse them, or a key is in both.
    """
    both = sorted(tags.keys() & metadata.keys())
    if both:
        raise InvalidParameter("metadata", f"{both[0]!r} is also in tags; both are tags on EC2")
    if len(tags) + len(metadata) > MOST_TAGS:
        raise InvalidParameter(
            "tags", f"tags and metadata together must have at most {MOST_TAGS} entries"
        )
    return {**checked_tags(tags, "tags"), **checked_tags(metadata, "metadata")}


def price(amount: float) -> str:
    """Return a price per hour as EC2 reads it, without an exponent."""
    return f"{Decimal(str(amount)):f}"


def mappings(
    image: Image, root: RootDisk | None, volumes: Sequence[Volume]
) -> list[dict[str, Any]]:
    """Return the block device mappings for the root disk and new volumes.

    Raises:
        InvalidParameter: the image has no EBS root disk, or EC2 would refuse a disk.
    """
    found = [] if root is None else [_root(image, root)]
    devices = _free_devices(image)
    for volume in volumes:
        device = next(devices, None)
        if device is None:
            raise InvalidParameter("volumes", "the image leaves no device name for one of them")
        found.append({"DeviceName": device, "Ebs": _ebs("volumes", volume)})
    return found


def _root(image: Image, disk: RootDisk) -> dict[str, Any]:
    device = image.extra.get("root_device_name")
    if not isinstance(device, str) or image.extra.get("root_device_type") == "instance-store":
        raise InvalidParameter("root_disk", f"image {image.id} has no EBS volume as its root disk")
    smallest = _size_in(image, device)
    if disk.size is not None and smallest is not None and disk.size < smallest:
        raise InvalidParameter(
            "root_disk", f"size must be at least {smallest}, the size in GB of image {image.id}"
        )
    return {"DeviceName": device, "Ebs": _ebs("root_disk", disk)}


def _ebs(field: str, disk: RootDisk | Volume) -> dict[str, Any]:
    if disk.type in _NEEDS_IOPS:
        raise InvalidParameter(
            field, f"the type {disk.type!r} needs a number of IOPS, which cannot be given here"
        )
    ebs: dict[str, Any] = {"DeleteOnTermination": "false" if disk.keep else "true"}
    if disk.size is not None:
        ebs["VolumeSize"] = disk.size
    if disk.type is not None:
        ebs["VolumeType"] = disk.type
    return ebs


def _devices_of(image: Image) -> Iterator[Mapping[str, Any]]:
    devices = image.extra.get("block_device_mapping")
    if isinstance(devices, list):
        yield from (one for one in devices if isinstance(one, dict))


def _size_in(image: Image, device: str) -> int | None:
    for one in _devices_of(image):
        size = (one.get("ebs") or {}).get("volume_size")
        if one.get("device_name") == device and isinstance(size, int):
            return size
    return None


def _free_devices(image: Image) -> Iterator[str]:
    taken = {str(one.get("device_name")).removeprefix("/dev/") for one in _devices_of(image)}
    # Xen images write xvdf for the device that others call sdf.
    letters = {name.removeprefix("sd").removeprefix("xvd")[:1] for name in taken}
    return (device for device in _DEVICES if device[-1] not in letters)
