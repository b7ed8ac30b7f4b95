"""What a node is doing: Libcloud's words, put right where its drivers get them wrong."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import NodeState

_AMAZON: Final = {"shutting-down": NodeState.TERMINATING, "stopping": NodeState.STOPPING}

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

_CLOUDSTACK: Final = {"Error": NodeState.ERROR, "Expunging": NodeState.TERMINATING}

_OPENNEBULA: Final = {
    "STOPPED": NodeState.STOPPED,
    "SUSPENDED": NodeState.SUSPENDED,
    "FAILED": NodeState.ERROR,
}

_G8: Final = {"DELETING": NodeState.TERMINATING, "DESTROYING": NodeState.TERMINATING}

_GANDI: Final = {
    "halted": NodeState.STOPPED,
    "paused": NodeState.PAUSED,
    "locked": NodeState.SUSPENDED,
}

_VCL: Final = {"failed": NodeState.ERROR, "notavailable": NodeState.UNKNOWN}

_CORRECTIONS: Final[dict[str, Mapping[Any, NodeState]]] = {
    "libcloud.compute.drivers.azure": _AZURE,
    "libcloud.compute.drivers.cloudsigma": _CLOUDSIGMA,
    "libcloud.compute.drivers.cloudstack": _CLOUDSTACK,
    "libcloud.compute.drivers.equinixmetal": {"deprovisioning": NodeState.TERMINATING},
    "libcloud.compute.drivers.gig_g8": _G8,
    "libcloud.compute.drivers.opennebula": _OPENNEBULA,
    "libcloud.compute.drivers.vcl": _VCL,
    "libcloud.compute.drivers.ec2": _AMAZON,
    "libcloud.compute.drivers.openstack": _NOVA,
    "libcloud.compute.drivers.libvirt_driver": _LIBVIRT,
}
"""A driver's module to what its own map of states lacks or has wrong.

Several drivers call a node terminated that is only switched off, or broken. The core takes a
terminated node for one that is gone.
"""

_MODULE_MAPS: Final = {"libcloud.compute.drivers.gandi": _GANDI}
"""The same for drivers that keep their map in the module, and not in the class."""

_STILL_THERE: Final[dict[str, NodeState]] = {
    "libcloud.compute.drivers.abiquo": NodeState.STOPPED,
    "libcloud.compute.drivers.azure_arm": NodeState.TERMINATING,
    "libcloud.compute.drivers.cloudsigma": NodeState.STOPPED,
    "libcloud.compute.drivers.digitalocean": NodeState.STOPPED,
    # These two call every node so that does not run and whose state they do not know.
    "libcloud.compute.drivers.dimensiondata": NodeState.UNKNOWN,
    "libcloud.compute.drivers.nttcis": NodeState.UNKNOWN,
    "libcloud.compute.drivers.equinixmetal": NodeState.TERMINATING,
    "libcloud.compute.drivers.gandi": NodeState.STOPPED,
    "libcloud.compute.drivers.gig_g8": NodeState.TERMINATING,
    "libcloud.compute.drivers.opennebula": NodeState.STOPPED,
}
"""Drivers that say ``terminated`` of VMs that still exist, and what that is where the map above
does not know better: a deletion that the cloud accepted is not done then."""

_NOVA_TASKS: Final = {
    "powering-off": NodeState.STOPPING,
    "powering-on": NodeState.STARTING,
    "reboot_started": NodeState.REBOOTING,
    "rebooting": NodeState.REBOOTING,
    "deleting": NodeState.TERMINATING,
    "soft-deleting": NodeState.TERMINATING,
}
"""OpenStack keeps the old state while one of these tasks is under way."""


def correct_states(driver: Any) -> None:
    """Give a driver object a map of states without the known faults."""
    for module in modules(driver):
        if module in _CORRECTIONS:
            driver.NODE_STATE_MAP = {**driver.NODE_STATE_MAP, **_CORRECTIONS[module]}
        if module in _MODULE_MAPS:
            importlib.import_module(module).NODE_STATE_MAP.update(_MODULE_MAPS[module])


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
    if _is_deleting(extra):
        return NodeState.TERMINATING
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


def _is_deleting(extra: Mapping[str, Any]) -> bool:
    """Return whether Azure is deleting a node, which Libcloud calls terminated already."""
    properties = extra.get("properties")
    state = properties.get("provisioningState") if isinstance(properties, Mapping) else None
    return isinstance(state, str) and state.lower() == "deleting"
