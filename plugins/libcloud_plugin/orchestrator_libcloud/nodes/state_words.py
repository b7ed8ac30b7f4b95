"""Providers' words for a node's state that Libcloud's drivers lack or have wrong.

Several drivers report a node as terminated that is only switched off, or broken. The core treats a
terminated node as gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import NodeState

Words = Mapping[Any, NodeState]

_DRIVERS: Final = "libcloud.compute.drivers."

_AMAZON: Final = {"shutting-down": NodeState.TERMINATING, "stopping": NodeState.STOPPING}

_AZURE: Final = {
    "CyclingRole": NodeState.REBOOTING,
    "FailedStartingRole": NodeState.ERROR,
    "FailedStartingVM": NodeState.ERROR,
    "UnresponsiveRole": NodeState.ERROR,
    "StoppedDeallocated": NodeState.STOPPED,
}

_CLOUDSIGMA: Final = {
    "stopped": NodeState.STOPPED,
    "dead": NodeState.STOPPED,
    "dumped": NodeState.STOPPED,
}

_CLOUDSTACK: Final = {
    "Error": NodeState.ERROR,
    "Expunging": NodeState.TERMINATING,
    "Starting": NodeState.STARTING,
    "Stopping": NodeState.STOPPING,
    "Shutdown": NodeState.STOPPED,
    "Restoring": NodeState.UPDATING,
    "Unknown": NodeState.UNKNOWN,
}
"""``VirtualMachine.State`` of CloudStack; a VM that failed to start is not gone."""

_EQUINIX: Final = {"deprovisioning": NodeState.TERMINATING}

_G8: Final = {"DELETING": NodeState.TERMINATING, "DESTROYING": NodeState.TERMINATING}

_GANDI: Final = {
    "halted": NodeState.STOPPED,
    "paused": NodeState.PAUSED,
    "locked": NodeState.SUSPENDED,
    "deleted": NodeState.TERMINATED,
}

_GOOGLE: Final = {
    "STOPPING": NodeState.STOPPING,
    "SUSPENDING": NodeState.STOPPING,
    "PENDING": NodeState.PENDING,
    "PENDING_STOP": NodeState.STOPPING,
    "DEPROVISIONING": NodeState.TERMINATING,
    "STOPPED": NodeState.STOPPED,
    "REPAIRING": NodeState.RECONFIGURING,
}
"""https://cloud.google.com/compute/docs/instances/instance-lifecycle."""

_LIBVIRT: Final = {
    0: NodeState.UNKNOWN,
    2: NodeState.RUNNING,  # it waits for a disk or, on Xen, for work
    3: NodeState.PAUSED,
    4: NodeState.STOPPING,
    5: NodeState.STOPPED,
    6: NodeState.ERROR,
    7: NodeState.SUSPENDED,
}

_LINODE: Final = {
    "billing_suspension": NodeState.SUSPENDED,
    "deleting": NodeState.TERMINATING,
}
"""https://techdocs.akamai.com/linode-api/reference/get-linode-instance."""

_NOVA: Final = {
    "PAUSED": NodeState.PAUSED,
    "MIGRATING": NodeState.MIGRATING,
    "REVERT_RESIZE": NodeState.RECONFIGURING,
    "SHELVED": NodeState.STOPPED,
    "SHELVED_OFFLOADED": NodeState.STOPPED,
    "SOFT_DELETED": NodeState.TERMINATED,
    # Up, but not in its usual form: on a rescue disk, or waiting for confirmation.
    "RESCUE": NodeState.RECONFIGURING,
    "VERIFY_RESIZE": NodeState.RECONFIGURING,
}

_OPENNEBULA: Final = {
    "STOPPED": NodeState.STOPPED,
    "SUSPENDED": NodeState.SUSPENDED,
    "FAILED": NodeState.ERROR,
}

_OVH: Final = {
    **_NOVA,
    "BUILDING": NodeState.PENDING,
    "DELETING": NodeState.TERMINATING,
    "REBOOT": NodeState.REBOOTING,
    "RESIZED": NodeState.RECONFIGURING,
    "RESUMING": NodeState.STARTING,
    "RESCUED": NodeState.RECONFIGURING,
    "RESCUING": NodeState.RECONFIGURING,
    "UNRESCUING": NodeState.RECONFIGURING,
    "SHELVING": NodeState.STOPPING,
    "UNSHELVING": NodeState.STARTING,
    "SNAPSHOTTING": NodeState.UPDATING,
    "STOPPED": NodeState.STOPPED,
}
"""The states of OVH's own API beside Nova's: https://api.ovh.com/console (cloud.instance)."""

_VCL: Final = {"failed": NodeState.ERROR, "notavailable": NodeState.UNKNOWN}

_VULTR: Final = {"suspended": NodeState.SUSPENDED, "resizing": NodeState.RECONFIGURING}
"""https://www.vultr.com/api, the instance's ``status``."""

WORDS: Final[dict[str, Words]] = {
    f"{_DRIVERS}azure": _AZURE,
    f"{_DRIVERS}cloudsigma": _CLOUDSIGMA,
    f"{_DRIVERS}cloudstack": _CLOUDSTACK,
    f"{_DRIVERS}ec2": _AMAZON,
    f"{_DRIVERS}equinixmetal": _EQUINIX,
    f"{_DRIVERS}gce": _GOOGLE,
    f"{_DRIVERS}gig_g8": _G8,
    f"{_DRIVERS}libvirt_driver": _LIBVIRT,
    f"{_DRIVERS}linode": _LINODE,
    f"{_DRIVERS}opennebula": _OPENNEBULA,
    f"{_DRIVERS}openstack": _NOVA,
    f"{_DRIVERS}outscale": _AMAZON,
    f"{_DRIVERS}ovh": _OVH,
    f"{_DRIVERS}vcl": _VCL,
    f"{_DRIVERS}vultr": _VULTR,
}
"""A driver's module to words that its own map of states lacks or has wrong."""

MODULE_WORDS: Final[dict[str, Words]] = {f"{_DRIVERS}gandi": _GANDI}
"""The same for drivers whose map is in the module, not in the class."""
