"""Conversion of a start request into the arguments of a driver's ``create_node``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidAnswer, InvalidParameter, StartRequest
from orchestrator_libcloud.capabilities import method, needed, takes
from orchestrator_libcloud.changes.lookup import find_location
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.nodes.carriers import carrier_of
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.starts.mapping import StartMapping
from orchestrator_libcloud.starts.registry import mapping_of

_DRIVERS: Final = "libcloud.compute.drivers."
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
    method(driver, "create_node", (*BY_REQUEST, *mapping.supplies))
    mapped = mapping.arguments(driver, request)
    _check_options(mapping, request, mapped)
    options = mapping.option_arguments(request.options)
    wished = {**options, **mapped, "name": request.name}
    arguments = {
        **_what(mapping, driver, request, region),
        **_marked(driver, wished, request),
    }
    exchange.begin_change(sees_all=_OWN_CONNECTIONS.isdisjoint(modules(driver)))
    with mapping.sending(driver, request):
        node = mapping.create(driver, arguments)
    if node is None or isinstance(node, list):
        raise InvalidAnswer("The cloud did not answer a start with one node")
    return node


def _what(
    mapping: StartMapping, driver: Any, request: StartRequest, region: str | None
) -> dict[str, Any]:
    """Return image and size in the form that the driver takes, and the location if it needs one."""
    accepted = takes(driver, "create_node")
    for name in ALWAYS_GIVEN:
        if name not in accepted and name not in mapping.replaces:
            raise InvalidParameter(name, f"{driver.name} does not take one for a node")
    arguments = {
        **mapping.image(driver, request, region),
        **mapping.size(driver, request, region),
    }
    if "location" in needed(driver, "create_node") and request.location is None:
        arguments["location"] = find_location(driver, region)
    return arguments


def _check_options(mapping: StartMapping, request: StartRequest, mapped: Mapping[str, Any]) -> None:
    """Check that no option sets what another field has set."""
    for name in request.options:
        if name in mapped and name not in mapping.own_options:
            raise InvalidParameter("options", f"{name!r} is already set by another field")


def _marked(driver: Any, wished: dict[str, Any], request: StartRequest) -> dict[str, Any]:
    """Return the arguments with the marker, if anything can carry it."""
    carrier = carrier_of(driver)
    if carrier is None:
        return wished
    if request.marker is not None:
        marked = carrier.put(wished, request.marker)
        for name in request.options.keys() & wished.keys():
            if marked[name] != wished[name] and not isinstance(wished[name], dict | list):
                raise InvalidParameter("options", f"{name!r} carries the marker of this start")
        return marked
    if carrier.shown(wished["name"]) != wished["name"]:
        raise InvalidParameter("name", "must not end with the form of a marker")
    return wished
