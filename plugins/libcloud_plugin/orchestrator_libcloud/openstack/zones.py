"""Availability zones, which are the locations of an OpenStack."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidAnswer
from orchestrator_libcloud.nodes.states import modules

_OPENSTACK: Final = "libcloud.compute.drivers.openstack"
_RACKSPACE: Final = "libcloud.compute.drivers.rackspace"
_FIRST_API: Final = "OpenStack_1_0_NodeDriver"


def has_zones(driver: Any) -> bool:
    """Return whether a driver's provider has zones that can be requested.

    Rackspace documents none, and Nova's first API, which used XML, had none.
    """
    known = modules(driver)
    names = {cls.__name__ for cls in type(driver).__mro__}
    return _OPENSTACK in known and _RACKSPACE not in known and _FIRST_API not in names


def list_zones(driver: Any) -> list[Any]:
    """Return the zones in which servers can be started, as Libcloud's locations.

    Source: Compute API, ``GET /os-availability-zone``. A zone is identified by its name. Libcloud's
    own list is one location with the id 0 and no name.

    Raises:
        InvalidAnswer: the answer has no list of zones.
    """
    answer = driver.connection.request("/os-availability-zone").object
    zones = answer.get("availabilityZoneInfo") if isinstance(answer, Mapping) else None
    if not isinstance(zones, list):
        raise InvalidAnswer("The cloud returned an answer without the list of availability zones")
    location = importlib.import_module("libcloud.compute.base").NodeLocation
    names = (zone["zoneName"] for zone in zones if _is_available(zone))
    return [location(id=name, name=name, country="", driver=driver) for name in names]


def _is_available(zone: Any) -> bool:
    # A zone without a state counts as available.
    state = zone.get("zoneState") or {}
    return bool(state.get("available", True))
