"""The actions of each provider."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_libcloud.node_actions import others
from orchestrator_libcloud.node_actions.base import NodeActions
from orchestrator_libcloud.node_actions.ec2 import Ec2Actions, NimbusActions
from orchestrator_libcloud.node_actions.google import GoogleActions
from orchestrator_libcloud.node_actions.openstack import OpenStackActions
from orchestrator_libcloud.nodes.states import modules

_DRIVERS: Final = "libcloud.compute.drivers."

_NONE: Final = NodeActions()

ACTIONS: Final[dict[str, NodeActions]] = {
    "azure_arm": others.AzureActions(),
    "cloudstack": others.CloudStackActions(),
    "digitalocean": others.DigitalOceanActions(),
    "ec2": Ec2Actions(),
    "ec2.NimbusNodeDriver": NimbusActions(),
    "gce": GoogleActions(),
    "gridscale": others.GridscaleActions(),
    "linode.LinodeNodeDriverV4": others.LinodeActions(),
    "openstack.OpenStack_1_1_NodeDriver": OpenStackActions(),
    "outscale": others.OutscaleActions(),
    "upcloud": others.UpCloudActions(),
    "vultr.VultrNodeDriverV2": others.VultrActions(),
}
"""A driver's module, or its class as ``module.Class``, to its actions."""


def actions_of(driver: Any) -> NodeActions:
    """Return the actions of a driver object or its class."""
    driver_class = driver if isinstance(driver, type) else type(driver)
    for cls, module in zip(driver_class.__mro__, modules(driver_class), strict=True):
        short = module.removeprefix(_DRIVERS)
        for name in (f"{short}.{cls.__name__}", short):
            if name in ACTIONS:
                return ACTIONS[name]
    return _NONE
