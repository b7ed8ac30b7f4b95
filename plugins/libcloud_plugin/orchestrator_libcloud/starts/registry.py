"""The mapping of each provider's fields of a start."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.starts.ec2 import Ec2Mapping
from orchestrator_libcloud.starts.mapping import StartMapping
from orchestrator_libcloud.starts.openstack import OpenstackMapping

_DRIVERS: Final = "libcloud.compute.drivers."

_COMMON: Final = StartMapping()

MAPPINGS: Final[dict[str, StartMapping]] = {
    "ec2": Ec2Mapping(),
    "openstack.OpenStack_2_NodeDriver": OpenstackMapping(),
}
"""A driver's module, or its class as ``module.Class``, to its mapping."""


def mapping_of(driver: Any) -> StartMapping:
    """Return the mapping of a driver object or its class."""
    driver_class = driver if isinstance(driver, type) else type(driver)
    for cls, module in zip(driver_class.__mro__, modules(driver_class), strict=True):
        short = module.removeprefix(_DRIVERS)
        for name in (f"{short}.{cls.__name__}", short):
            if name in MAPPINGS:
                return MAPPINGS[name]
    return _COMMON
