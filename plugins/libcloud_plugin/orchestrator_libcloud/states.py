"""What a node is doing: Libcloud's words, put right where its drivers get them wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import NodeState

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
    2: NodeState.RUNNING,  # it waits for a disk or, on Xen, for work
    3: NodeState.PAUSED,
    4: NodeState.STOPPING,
    5: NodeState.STOPPED,
    6: NodeState.ERROR,
    7: NodeState.SUSPENDED,
}

_CORRECTIONS: Final[dict[str, Mapping[Any, NodeState]]] = {
    "libcloud.compute.drivers.ec2": _AMAZON,
    "libcloud.compute.drivers.openstack": _NOVA,
    "libcloud.compute.drivers.libvirt_driver": _LIBVIRT,
}
"""A driver's module to what its own map of states lacks or has wrong."""

_STILL_THERE: Final[dict[str, NodeState]] = {
    "libcloud.compute.drivers.abiquo": NodeState.STOPPED,
    "libcloud.compute.drivers.azure_arm": NodeState.STOPPING,
    "libcloud.compute.drivers.cloudsigma": NodeState.STOPPED,
    "libcloud.compute.drivers.digitalocean": NodeState.STOPPED,
    "libcloud.compute.drivers.dimensiondata": NodeState.STOPPED,
    "libcloud.compute.drivers.equinixmetal": NodeState.STOPPING,
    "libcloud.compute.drivers.gandi": NodeState.STOPPED,
    "libcloud.compute.drivers.gig_g8": NodeState.STOPPING,
    "libcloud.compute.drivers.nttcis": NodeState.STOPPED,
    "libcloud.compute.drivers.opennebula": NodeState.STOPPED,
}
"""Drivers that say ``terminated`` of VMs that still exist: of those that are switched off, or that
are being deleted. A deletion that they accepted is not done then."""

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
    """Give a driver object a map of states without the known faults."""
    for module in modules(driver):
        if module in _CORRECTIONS:
            driver.NODE_STATE_MAP = {**driver.NODE_STATE_MAP, **_CORRECTIONS[module]}


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
        state = NodeState(value)
    except ValueError:
        return NodeState.UNKNOWN
    return _still_there(node) if state is NodeState.TERMINATED else state


def _still_there(node: Any) -> NodeState:
    known = modules(getattr(node, "driver", None))
    found = (_STILL_THERE[module] for module in known if module in _STILL_THERE)
    return next(found, NodeState.TERMINATED)
