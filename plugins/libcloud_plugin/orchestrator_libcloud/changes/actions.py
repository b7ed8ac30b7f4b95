"""What a stop, a reboot and switching on or off call, for each provider.

It is Libcloud's own method, unless that does something else than it says:

* libvirt: ``destroy_node`` only switches off
  (:mod:`orchestrator_libcloud.changes.libvirt_domains`);
* vSphere: ``reboot_node`` fails even when it worked, and a failed task loses its reason
  (:mod:`orchestrator_libcloud.vsphere.actions`);
* Outscale: a refusal comes back as a value that counts as success, and ``destroy_node`` sends
  what the API never takes;
* Azure: ``reboot_node`` answers False to every error;
* KubeVirt: ``reboot_node`` of a VM that is off is a 404, as if there were no such VM;
* Equinix Metal and others: False for a success with another status than the expected one.

The tests hold each against a server on loopback, a real libvirt or pyVmomi's own faults.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_core import NodeState
from orchestrator_libcloud.capabilities import method
from orchestrator_libcloud.changes import libvirt_domains
from orchestrator_libcloud.nodes.states import modules, state_of
from orchestrator_libcloud.vsphere import actions

_DRIVERS: Final = "libcloud.compute.drivers."
_ERRORS: Final = 400
_ACCEPTED: Final = 202
_SUCCESS: Final = range(200, 300)

_FALSE_MEANS_ANOTHER_STATUS: Final = frozenset(
    _DRIVERS + name
    for name in (
        "brightbox",
        "cloudscale",
        "equinixmetal",
        "gridscale",
        "kubevirt",
        "maxihost",
        "opennebula",
        "openstack",
        "vcloud",
        "vpsnet",
    )
)
"""Drivers that compare the answer's status with one value: an error would have been raised."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of actions.

    Attributes:
        delete_volumes: whether a stop deletes the volumes of a libvirt domain too.
    """

    delete_volumes: bool = False


Action = Callable[[Any, Any, Options], Any]


def perform(driver: Any, action: str, node: Any, options: Options) -> bool:
    """Carry out one of Libcloud's actions on a node.

    Args:
        driver: the Libcloud driver object.
        action: the name of Libcloud's method, as ``destroy_node``.
        node: Libcloud's node.
        options: the settings'.

    Returns:
        False when the driver says that it did not do it, and nothing more.

    Raises:
        Unsupported: when the driver does not offer it.
    """
    offered = method(driver, action, ("node",))
    own = next((_OWN[name, action] for name in modules(driver) if (name, action) in _OWN), None)
    result = offered(node) if own is None else own(driver, node, options)
    return result is not False


def false_is_success(driver: Any, status: int | None) -> bool:
    """Return whether a driver's False only means a success with an unexpected status.

    Args:
        driver: the Libcloud driver object.
        status: the HTTP status of the action's last answer.
    """
    is_known = not _FALSE_MEANS_ANOTHER_STATUS.isdisjoint(modules(driver))
    return is_known and status in _SUCCESS


def _remove_domain(driver: Any, node: Any, options: Options) -> bool:
    return libvirt_domains.remove(driver, node, with_volumes=options.delete_volumes)


def _unless(state: NodeState, action: str) -> Action:
    """Return a libvirt action that a domain in this state is refused: hypervisors differ in how."""

    def act(driver: Any, node: Any, _: Options) -> bool:
        return state_of(node) is not state and bool(getattr(driver, action)(node))

    return act


def _outscale(action: str) -> Action:
    def act(driver: Any, node: Any, _: Options) -> bool:
        answer = driver._call_api(action, json.dumps({"VmIds": [node.id]}))  # noqa: SLF001
        if answer.status_code >= _ERRORS:
            errors = importlib.import_module("libcloud.common.exceptions")
            raise errors.BaseHTTPError(answer.status_code, _outscale_words(answer))
        return True

    return act


def _outscale_words(answer: Any) -> str:
    """Return code and text of an error: ``{"Errors": [{"Code", "Type", "Details"}]}``."""
    try:
        error = answer.json()["Errors"][0]
        return f"{error.get('Type', '')}: {error.get('Code', '')} {error.get('Details', '')}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return "refused"


def _restart_kubevirt(driver: Any, node: Any, _: Options) -> bool:
    """Restart a VM that runs: the instance of another is not there, which is no missing VM."""
    return state_of(node) is NodeState.RUNNING and bool(driver.reboot_node(node))


def _restart_azure(driver: Any, node: Any, _: Options) -> bool:
    """Restart a node; an error is raised, where Libcloud's own method makes False of it."""
    module = importlib.import_module(_DRIVERS + "azure_arm")
    errors = importlib.import_module("libcloud.common.exceptions")
    version = {"api-version": module.VM_API_VERSION}
    try:
        driver.connection.request(f"{node.id}/restart", params=version, method="POST")
    except errors.BaseHTTPError as error:
        if error.code != _ACCEPTED:
            raise
    return True


_OWN: Final[dict[tuple[str, str], Action]] = {
    (libvirt_domains.MODULE, "destroy_node"): _remove_domain,
    (libvirt_domains.MODULE, "stop_node"): _unless(NodeState.STOPPED, "stop_node"),
    (libvirt_domains.MODULE, "start_node"): _unless(NodeState.RUNNING, "start_node"),
    (libvirt_domains.MODULE, "reboot_node"): _unless(NodeState.STOPPED, "reboot_node"),
    (_DRIVERS + "outscale", "destroy_node"): _outscale("DeleteVms"),
    (_DRIVERS + "outscale", "stop_node"): _outscale("StopVms"),
    (_DRIVERS + "outscale", "start_node"): _outscale("StartVms"),
    (_DRIVERS + "outscale", "reboot_node"): _outscale("RebootVms"),
    (_DRIVERS + "azure_arm", "reboot_node"): _restart_azure,
    (_DRIVERS + "kubevirt", "reboot_node"): _restart_kubevirt,
    (actions.MODULE, "destroy_node"): actions.destroy,
    (actions.MODULE, "stop_node"): actions.power_off,
    (actions.MODULE, "start_node"): actions.power_on,
    (actions.MODULE, "reboot_node"): actions.reboot,
}
"""A driver's module and its method to what stands in for it."""
