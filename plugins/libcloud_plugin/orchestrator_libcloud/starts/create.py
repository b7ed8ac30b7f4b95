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
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.starts.registry import mapping_of

_DRIVERS: Final = "libcloud.compute.drivers."
_AMAZON: Final = _DRIVERS + "ec2"
_BY_ID: Final = frozenset({_AMAZON, _DRIVERS + "openstack"})
"""Drivers that use only the ids of image and size: neither needs to be fetched again."""

_OWN_CONNECTIONS: Final = frozenset(
    _DRIVERS + name for name in ("dummy", "libvirt_driver", "vsphere")
)
"""Drivers whose libraries bypass Libcloud's connections."""

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
    mapping = mapping_of(driver)
    create = method(driver, "create_node", (*BY_REQUEST, *mapping.supplies))
    mapped = mapping.arguments(driver, request)
    wished = {**_options(request, mapped), **mapped, "name": request.name}
    arguments = {**_what(driver, request, region), **_marked(driver, wished, request.marker)}
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
    if "location" in needed(driver, "create_node") and request.location is None:
        arguments["location"] = find_location(driver, region)
    for name in ALWAYS_GIVEN:
        if name not in accepted:
            raise InvalidParameter(name, f"{driver.name} does not take one for a node")
    return arguments


def _options(request: StartRequest, mapped: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a start, none of which sets what another field has set."""
    for name in request.options:
        if name in mapped:
            raise InvalidParameter("options", f"{name!r} is already set by another field")
    return dict(request.options)


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
