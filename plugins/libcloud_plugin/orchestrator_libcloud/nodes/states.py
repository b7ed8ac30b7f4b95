"""State of a node: Libcloud's states, corrected where its drivers are wrong."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import NodeState
from orchestrator_libcloud.nodes.state_maps import install_maps
from orchestrator_libcloud.nodes.state_words import MODULE_WORDS, WORDS

_STILL_THERE: Final[dict[str, NodeState]] = {
    "libcloud.compute.drivers.abiquo": NodeState.STOPPED,
    "libcloud.compute.drivers.azure_arm": NodeState.TERMINATING,
    "libcloud.compute.drivers.cloudsigma": NodeState.STOPPED,
    "libcloud.compute.drivers.digitalocean": NodeState.STOPPED,
    # These two report every node so that does not run and whose state they do not know.
    "libcloud.compute.drivers.dimensiondata": NodeState.UNKNOWN,
    "libcloud.compute.drivers.nttcis": NodeState.UNKNOWN,
    "libcloud.compute.drivers.equinixmetal": NodeState.TERMINATING,
    "libcloud.compute.drivers.gandi": NodeState.STOPPED,
    "libcloud.compute.drivers.gig_g8": NodeState.TERMINATING,
    "libcloud.compute.drivers.opennebula": NodeState.STOPPED,
}
"""Drivers that report ``terminated`` for VMs that still exist, and the state to show if
``state_words`` has none: a deletion that the cloud accepted is not done yet.
"""

_NOVA_TASKS: Final = {
    "powering-off": NodeState.STOPPING,
    "powering-on": NodeState.STARTING,
    "reboot_started": NodeState.REBOOTING,
    "rebooting": NodeState.REBOOTING,
    "deleting": NodeState.TERMINATING,
    "soft-deleting": NodeState.TERMINATING,
}
"""OpenStack keeps the old state during one of these tasks."""


def correct_states(driver: Any) -> None:
    """Give a driver object corrected maps of states, which return a state for every word."""
    words: dict[Any, NodeState] = {}
    for module in reversed(modules(driver)):
        words |= WORDS.get(module, {})
        if module in MODULE_WORDS:
            importlib.import_module(module).NODE_STATE_MAP.update(MODULE_WORDS[module])
    install_maps(driver, words)


def modules(driver: Any) -> list[str]:
    """Return the modules of a driver's class and of its base classes.

    Accepts a driver object or the class itself.
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
    # A word of our own tables is certain; Libcloud's "terminated" is less certain.
    is_doubtful = state is NodeState.TERMINATED and not isinstance(node.state, NodeState)
    return _still_there(node) if is_doubtful else state


def _still_there(node: Any) -> NodeState:
    known = modules(getattr(node, "driver", None))
    found = (_STILL_THERE[module] for module in known if module in _STILL_THERE)
    return next(found, NodeState.TERMINATED)


def _is_deleting(extra: Mapping[str, Any]) -> bool:
    """Return whether Azure is still deleting a node, which Libcloud reports as terminated."""
    properties = extra.get("properties")
    state = properties.get("provisioningState") if isinstance(properties, Mapping) else None
    return isinstance(state, str) and state.lower() == "deleting"
