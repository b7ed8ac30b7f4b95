"""The mapping of each provider's fields of a start."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.starts.azure import AzureMapping
from orchestrator_libcloud.starts.cloudscale import CloudscaleMapping
from orchestrator_libcloud.starts.cloudstack import CloudstackMapping
from orchestrator_libcloud.starts.digitalocean import DigitalOceanMapping
from orchestrator_libcloud.starts.ec2 import (
    CompatibleMapping,
    Ec2Mapping,
    NimbusMapping,
    OutscaleMapping,
)
from orchestrator_libcloud.starts.ecs import EcsMapping
from orchestrator_libcloud.starts.google import GoogleMapping
from orchestrator_libcloud.starts.kamatera import KamateraMapping
from orchestrator_libcloud.starts.linode import LinodeMapping
from orchestrator_libcloud.starts.mapping import StartMapping
from orchestrator_libcloud.starts.openstack import OpenstackMapping, RackspaceMapping
from orchestrator_libcloud.starts.outscale import OutscaleApiMapping
from orchestrator_libcloud.starts.ovh import OvhMapping
from orchestrator_libcloud.starts.scaleway import ScalewayMapping
from orchestrator_libcloud.starts.upcloud import UpcloudMapping
from orchestrator_libcloud.starts.vsphere import VsphereMapping
from orchestrator_libcloud.starts.vultr import VultrMapping

_DRIVERS: Final = "libcloud.compute.drivers."

_COMMON: Final = StartMapping()


class _ByIds(StartMapping):
    """The mapping of a driver that reads only the ids of image and size."""

    ids_only = frozenset({"image", "size"})


class _Gridscale(StartMapping):
    """The mapping of gridscale, where a start would leave things behind."""

    why_no_start = (
        "creates a server, its disk and its address one after the other: after a failure nothing "
        "tells which of them belong to the start, and a stop leaves disk and address"
    )


MAPPINGS: Final[dict[str, StartMapping]] = {
    "azure_arm": AzureMapping(),
    "cloudscale": CloudscaleMapping(),
    "cloudstack": CloudstackMapping(),
    "digitalocean": DigitalOceanMapping(),
    "ec2": Ec2Mapping(),
    "ec2.EucNodeDriver": CompatibleMapping(),
    "ec2.NimbusNodeDriver": NimbusMapping(),
    "ec2.OutscaleNodeDriver": OutscaleMapping(),
    "ecs": EcsMapping(),
    "gce": GoogleMapping(),
    "gridscale": _Gridscale(),
    "kamatera": KamateraMapping(),
    # Its driver derives from CloudStack's and has a create_node of its own.
    "ktucloud": _COMMON,
    "linode.LinodeNodeDriverV4": LinodeMapping(),
    "openstack": _ByIds(),
    "openstack.OpenStack_1_1_NodeDriver": OpenstackMapping(),
    "outscale": OutscaleApiMapping(),
    "ovh": OvhMapping(),
    "rackspace.RackspaceNodeDriver": RackspaceMapping(),
    "scaleway": ScalewayMapping(),
    "upcloud": UpcloudMapping(),
    "vsphere": VsphereMapping(),
    "vultr.VultrNodeDriverV2": VultrMapping(),
}
"""A driver's module, or its class as ``module.Class``, to its mapping."""


def mapping_of(driver: Any) -> StartMapping:
    """Return the mapping of a driver object or its class.

    An entry for a class, or for a base class in the same module, goes before that of the module.
    """
    driver_class = driver if isinstance(driver, type) else type(driver)
    pairs = zip(driver_class.__mro__, modules(driver_class), strict=True)
    for module, classes in groupby(pairs, key=itemgetter(1)):
        short = module.removeprefix(_DRIVERS)
        for name in (*(f"{short}.{cls.__name__}" for cls, _ in classes), short):
            if name in MAPPINGS:
                return MAPPINGS[name]
    return _COMMON
