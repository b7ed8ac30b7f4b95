"""What a node is doing: Libcloud's words, put right where its drivers get them wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import NodeState
from orchestrator_libcloud.state_maps import install_maps

_AMAZON: Final = {"shutting-down": NodeState.STOPPING, "stopping": NodeState.STOPPING}

_NOVA: Final = {
    "PAUSED": NodeState.PAUSED,
    "MIGRATING": NodeState.MIGRATING,
    "REVERT_RESIZE": NodeState.RECONFIGURING,
    "SHELVED": NodeState.STOPPED,
    "SHELVED_OFFLOADED": NodeState.STOPPED,
    "SOFT_DELETED": NodeState.TERMINATED,
    # Up, but not the machine that its owner knows: on a rescue disk, or to be confirmed.
    "RESCUE": NodeState.RECONFIGURING,
    "VERIFY_RESIZE": NodeState.RECONFIGURING,
}

_LIBVIRT: Final = {
    0: NodeState.UNKNOWN,
    3: NodeState.PAUSED,
    4: NodeState.STOPPING,
    5: NodeState.STOPPED,
    6: NodeState.ERROR,
    7: NodeState.SUSPENDED,
}

_OVH: Final = {
    **_NOVA,
    "BUILDING": NodeState.PENDING,
    "DELETING": NodeState.STOPPING,
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

_LINODE: Final = {"billing_suspension": NodeState.SUSPENDED}
"""https://techdocs.akamai.com/linode-api/reference/get-linode-instance."""

_CLOUDSTACK: Final = {
    "Error": NodeState.ERROR,
    "Starting": NodeState.STARTING,
    "Stopping": NodeState.STOPPING,
    "Shutdown": NodeState.STOPPED,
    "Restoring": NodeState.UPDATING,
    "Unknown": NodeState.UNKNOWN,
}
"""``VirtualMachine.State`` of CloudStack; what failed to start is not gone."""

_VULTR: Final = {"suspended": NodeState.SUSPENDED, "resizing": NodeState.RECONFIGURING}
"""https://www.vultr.com/api, the instance's ``status``."""

_GOOGLE: Final = {
    "STOPPING": NodeState.STOPPING,
    "SUSPENDING": NodeState.STOPPING,
    "PENDING": NodeState.PENDING,
    "PENDING_STOP": NodeState.STOPPING,
    "DEPROVISIONING": NodeState.STOPPING,
    "STOPPED": NodeState.STOPPED,
    "REPAIRING": NodeState.RECONFIGURING,
}
"""https://cloud.google.com/compute/docs/instances/instance-lifecycle."""

_CORRECTIONS: Final[dict[str, Mapping[Any, NodeState]]] = {
    "libcloud.compute.drivers.ec2": _AMAZON,
    "libcloud.compute.drivers.openstack": _NOVA,
    "libcloud.compute.drivers.libvirt_driver": _LIBVIRT,
    "libcloud.compute.drivers.cloudstack": _CLOUDSTACK,
    "libcloud.compute.drivers.gce": _GOOGLE,
    "libcloud.compute.drivers.linode": _LINODE,
    "libcloud.compute.drivers.outscale": _AMAZON,
    "libcloud.compute.drivers.ovh": _OVH,
    "libcloud.compute.drivers.vultr": _VULTR,
}
"""A driver's module to what its own map of states lacks or has wrong."""

_NOVA_TASKS: Final = {
    "powering-off": NodeState.STOPPING,
    "powering-on": NodeState.STARTING,
    "reboot_started": NodeState.REBOOTING,
    "rebooting": NodeState.REBOOTING,
    "deleting": NodeState.STOPPING,
    "soft-deleting": NodeState.STOPPING,
}
"""OpenStack keeps the old state while one of these tasks is under way."""


def correct_states(driver: Any) -> None:
    """Give a driver object maps of states without the known faults, which answer every word."""
    corrections: dict[Any, NodeState] = {}
    for module in modules(driver):
        corrections |= _CORRECTIONS.get(module, {})
    install_maps(driver, corrections)


def modules(driver: Any) -> list[str]:
    """Return the modules of a driver's class and of those it is derived from.

    Takes a driver object or the class itself.
    """
    own = driver if isinstance(driver, type) else type(driver)
    return [cls.__module__ for cls in own.__mro__]


def state_of(node: Any) -> NodeState:
    """Return the state of a Libcloud node."""
    extra = node.extra if isinstance(node.extra, Mapping) else {}
    task = extra.get("task_state")
    if isinstance(task, str) and task in _NOVA_TASKS:
        return _NOVA_TASKS[task]
    value = getattr(node.state, "value", node.state)
    try:
        return NodeState(value)
    except ValueError:
        return NodeState.UNKNOWN
