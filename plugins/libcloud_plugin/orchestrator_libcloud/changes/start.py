"""Conversion of a start request into the arguments of a driver's ``create_node``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidAnswer, InvalidParameter, StartRequest
from orchestrator_libcloud.capabilities import method, needed, takes
from orchestrator_libcloud.changes.lookup import find_image, find_location, find_size
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.nodes.carriers import carrier_of
from orchestrator_libcloud.nodes.marker import MARKER_KEY
from orchestrator_libcloud.nodes.states import modules

_KEY_NAMES: Final = ("ex_keyname", "ex_key_name", "ex_keypair_name", "keypairs")
_SEVERAL: Final = frozenset({"keypairs"})
"""Parameters that take a list of key names."""

_DRIVERS: Final = "libcloud.compute.drivers."
_AMAZON: Final = _DRIVERS + "ec2"
_BY_ID: Final = frozenset({_AMAZON, _DRIVERS + "openstack"})
"""Drivers that use only the ids of image and size: neither needs to be fetched again."""

_OWN_CONNECTIONS: Final = frozenset(
    _DRIVERS + name for name in ("dummy", "libvirt_driver", "vsphere")
)
"""Drivers whose libraries bypass Libcloud's connections."""

_MOST_TAGS: Final = 48
"""Amazon's limit for one resource is 50. EC2-compatible clouds may create the instance first and
refuse its tags afterwards. Source: AWS, "Tag your Amazon EC2 resources", tag restrictions.
"""

ALWAYS_GIVEN: Final = ("name", "size", "image")
BY_REQUEST: Final = (*ALWAYS_GIVEN, "location")
"""The values of a request for parameters that a driver may require."""


def create_node(driver: Any, request: StartRequest, region: str | None, exchange: Exchange) -> Any:
    """Create a node and return Libcloud's object for it.

    Args:
        driver: the Libcloud driver object.
        request: the request for the node.
        region: the settings' region, for providers that require a location.
        exchange: the exchange, which is notified when the lookups are done and the creation begins.

    Raises:
        InvalidParameter: the provider does not accept a value; nothing was created.
        Unsupported: the provider requires more than a request can contain.
        InvalidAnswer: the provider did not answer with one node.
    """
    create = method(driver, "create_node", BY_REQUEST)
    wished = {
        "name": request.name,
        **_key(driver, request.keyname),
        **_metadata(driver, request.metadata),
    }
    arguments = {**_marked(driver, wished, request.marker), **_what(driver, request, region)}
    exchange.begin_change(sees_all=_OWN_CONNECTIONS.isdisjoint(modules(driver)))
    node = create(**arguments)
    if node is None or isinstance(node, list):
        raise InvalidAnswer("The cloud did not answer a start with one node")
    return node


def _what(driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
    """Return image and size in the form that the driver takes."""
    accepted = takes(driver, "create_node")
    arguments: dict[str, Any] = {}
    if _BY_ID.isdisjoint(modules(driver)):
        arguments["image"] = find_image(driver, request.image.id, region)
        arguments["size"] = find_size(driver, request.size.id, region)
    else:
        base = importlib.import_module("libcloud.compute.base")
        image, size = request.image, request.size
        arguments["image"] = base.NodeImage(image.id, image.name, driver)
        arguments["size"] = base.NodeSize(
            size.id, size.name, size.ram, size.disk, bandwidth=None, price=0.0, driver=driver
        )
    if "location" in needed(driver, "create_node"):
        arguments["location"] = find_location(driver, region)
    for name in ALWAYS_GIVEN:
        if name not in accepted:
            raise InvalidParameter(name, f"{driver.name} does not take one for a node")
    return arguments


def _key(driver: Any, keyname: str | None) -> dict[str, Any]:
    if keyname is None:
        return {}
    accepted = takes(driver, "create_node")
    for name in _KEY_NAMES:
        if name in accepted:
            return {name: [keyname] if name in _SEVERAL else keyname}
    raise InvalidParameter("keyname", f"{driver.name} does not take an SSH key name")


def _metadata(driver: Any, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    if not metadata:
        return {}
    if "ex_metadata" not in takes(driver, "create_node"):
        raise InvalidParameter("metadata", f"{driver.name} does not take metadata for a node")
    return {"ex_metadata": _checked(metadata, amazon=_AMAZON in modules(driver))}


def _marked(driver: Any, wished: dict[str, Any], marker: str | None) -> dict[str, Any]:
    """Return the arguments with the marker, if anything can carry it."""
    carrier = carrier_of(driver)
    if carrier is None:
        return wished
    if marker is not None:
        return carrier.put(wished, marker)
    if carrier.shown(wished["name"]) != wished["name"]:
        raise InvalidParameter("name", "must not end with the form of a marker")
    return wished


def _checked(metadata: Mapping[str, Any], *, amazon: bool) -> dict[str, str]:
    if amazon and len(metadata) > _MOST_TAGS:
        raise InvalidParameter(
            "metadata",
            f"must have at most {_MOST_TAGS} entries: a node has 50 tags, and its name and "
            "Orchestrator's marker are two of them",
        )
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise InvalidParameter(
                "metadata", f"the value of {key!r} must be text, not {_kind(value)}"
            )
        if not key:
            raise InvalidParameter("metadata", "a key must not be empty")
        if key == MARKER_KEY:
            raise InvalidParameter("metadata", f"the key {key!r} is reserved")
        if amazon and key == "Name":
            raise InvalidParameter("metadata", "the tag 'Name' is the node's name; use name")
    return dict(metadata)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
