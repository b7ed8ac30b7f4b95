"""A node's image, size, age and tags, and the places where each provider keeps them.

Most of Libcloud's drivers leave the attributes ``image`` and ``size`` of a node empty and put the
provider's answer into ``extra``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.nodes.to_json import text

_DRIVERS: Final = "libcloud.compute.drivers."

Tags = dict[str, str]


def _pairs(value: Any) -> Tags:
    """Return tags with keys: one object, or a list of objects with ``Key`` and ``Value``."""
    if isinstance(value, list):
        items = [(one.get("Key"), one.get("Value")) for one in value if isinstance(one, dict)]
    else:
        items = list(value.items()) if isinstance(value, dict) else []
    return {
        key: "" if one is None else str(one)
        for key, one in items
        if isinstance(key, str) and not isinstance(one, dict | list)
    }


def _words(value: Any) -> Tags:
    """Return tags that are words; a start writes a tag with a value as ``key:value``."""
    words = value if isinstance(value, list) else [value]
    parts = [word.partition(":") for word in words if isinstance(word, str) and word]
    return {key: one for key, _, one in parts if key}


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a node's facts in its ``extra``: keys, with dots between nested ones.

    Attributes:
        image: the id of its image; None if only Libcloud's attribute has it.
        size: the id of its size; None if only Libcloud's attribute has it.
        created_at: the time when it was created; None if only Libcloud's attribute has it.
        tags: its tags; None if the driver drops them.
        form: the function that reads the tags.
        has_attributes: whether Libcloud's attributes ``image`` and ``size`` can be believed.
    """

    image: str | None = None
    size: str | None = None
    created_at: str | None = None
    tags: str | None = None
    form: Callable[[Any], Tags] = _pairs
    has_attributes: bool = True


PLACES: Final[Mapping[str, Places]] = MappingProxyType(
    {
        "azure_arm": Places(
            "properties.storageProfile.imageReference.id",
            "properties.hardwareProfile.vmSize",
            "properties.timeCreated",
            "tags",
        ),
        "brightbox": Places(created_at="created_at"),
        "cloudscale": Places(created_at="created_at", tags="tags"),
        "cloudstack": Places("image_id", "size_id", "created", "tags"),
        "digitalocean": Places(size="size_slug", tags="tags", form=_words),
        # The driver gives each node the first size of its list.
        "dimensiondata": Places(has_attributes=False),
        "ec2": Places("image_id", "instance_type", "launch_time", "tags"),
        "ecs": Places("image_id", "instance_type", "creation_time"),
        "equinixmetal": Places(created_at="created_at"),
        "gce": Places("image", created_at="creationTimestamp", tags="labels"),
        "linode.LinodeNodeDriverV4": Places(tags="tags", form=_words),
        "nttcis": Places(has_attributes=False),
        # Libcloud asks Nova in a version of its API without tags; starts write metadata too.
        "openstack": Places("imageId", "flavorId", "created", "metadata"),
        "outscale": Places("ImageId", "VmType", "CreationDate", "Tags"),
        "scaleway": Places(tags="tags", form=_words),
        # The driver makes ids up from the name of the guest's operating system.
        "vsphere": Places(has_attributes=False),
        "vultr": Places(tags="tag", form=_words),
    }
)
"""A driver's module, or its class, to its places; other drivers have Libcloud's attributes only."""

_ATTRIBUTES: Final = Places()


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a node beside its state and addresses; the attributes are those of Node."""

    image: str | None
    size: str | None
    created_at: datetime | None
    tags: Tags


def facts_of(node: Any, extra: Mapping[str, Any]) -> Facts:
    """Return the facts of a node. Never raises.

    Args:
        node: Libcloud's node.
        extra: its ``extra`` as JSON, without secrets and without the core's marker.
    """
    places = places_of(getattr(node, "driver", None))
    attributes = places.has_attributes
    return Facts(
        image=_id(_at(extra, places.image)) or (_attribute(node, "image") if attributes else None),
        size=_id(_at(extra, places.size)) or (_attribute(node, "size") if attributes else None),
        created_at=_time(getattr(node, "created_at", None)) or _time(_at(extra, places.created_at)),
        tags=places.form(_at(extra, places.tags)) if places.tags is not None else {},
    )


def _at(extra: Any, place: str | None) -> Any:
    if place is None:
        return None
    for key in place.split("."):
        extra = extra.get(key) if isinstance(extra, dict) else None
    return extra


def _attribute(node: Any, name: str) -> str | None:
    value = getattr(node, name, None)
    return _id(value if isinstance(value, str | int) else getattr(value, "id", None))


def _id(value: Any) -> str | None:
    # Libcloud's constructors turn every value into a text, even a missing one.
    if isinstance(value, bool) or not isinstance(value, str | int) or value in ("", "None"):
        return None
    return text(str(value))


def _time(value: Any) -> datetime | None:
    """Return a time with its zone; providers that name none mean UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            return None
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def places_of(driver: Any) -> Places:
    """Return the places of a driver's nodes; accepts a driver object or its class."""
    return _places_of(driver if isinstance(driver, type) else type(driver))


@lru_cache(maxsize=128)  # called for every node of every list
def _places_of(driver_class: type[Any]) -> Places:
    for cls, module in zip(driver_class.__mro__, modules(driver_class), strict=True):
        short = module.removeprefix(_DRIVERS)
        for name in (f"{short}.{cls.__name__}", short):
            if name in PLACES:
                return PLACES[name]
    return _ATTRIBUTES
