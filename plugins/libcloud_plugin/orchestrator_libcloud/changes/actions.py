"""Stop, reboot, power-on and power-off, for each provider.

Each calls Libcloud's own method, unless that method does not do what it says:

* libvirt: ``destroy_node`` only switches off
  (:mod:`orchestrator_libcloud.changes.libvirt_domains`);
* vSphere: ``reboot_node`` fails even when it worked, and a failed task loses its reason
  (:mod:`orchestrator_libcloud.vsphere.actions`);
* Outscale: a refusal comes back as a value that counts as success, and ``destroy_node`` sends
  what the API never takes;
* Azure: ``reboot_node`` returns False for every error; ``destroy_node`` waits for the VM's end, to
  delete disks and interfaces that Azure itself deletes;
* KubeVirt: ``reboot_node`` of a VM that is off gets a 404, as if there were no such VM;
* Equinix Metal and others: a success with a status that is not the expected one returns False.

The tests check each against a server on loopback, a real libvirt or pyVmomi's own faults.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
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
"""Drivers that compare the answer's status with one value; errors are raised before that."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings for actions.

    Attributes:
        delete_volumes: whether a stop deletes the volumes of a libvirt domain too.
    """

    delete_volumes: bool = False


Action = Callable[[Any, Any, Options], Any]


def perform(driver: Any, action: str, node: Any, options: Options) -> bool:
    """Carry out one of Libcloud's actions on a node.

    Args:
        driver: the Libcloud driver object.
        action: the name of Libcloud's method, such as ``destroy_node``.
        node: Libcloud's node.
        options: the settings for actions.

    Returns:
        False if the driver reports that it did not do it, without a reason.

    Raises:
        Unsupported: the driver does not offer the action.
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
    """Return a libvirt action that fails in this state, whatever the hypervisor would answer."""

    def act(driver: Any, node: Any, _: Options) -> bool:
        return state_of(node) is not state and bool(getattr(driver, action)(node))

    return act


def _outscale(action: str) -> Action:
    def act(driver: Any, node: Any, _: Options) -> bool:
        call_outscale(driver, action, VmIds=[node.id])
        return True

    return act


def call_outscale(driver: Any, action: str, **fields: Any) -> Any:
    """Call an action of Outscale's API, and return its answer; the driver returns errors too.

    Raises:
        BaseHTTPError: Libcloud's, for an answer that is an error.
    """
    answer = driver._call_api(action, json.dumps(fields))  # noqa: SLF001
    if answer.status_code >= _ERRORS:
        errors = importlib.import_module("libcloud.common.exceptions")
        raise errors.BaseHTTPError(answer.status_code, _outscale_words(answer))
    return answer.json()


def _outscale_words(answer: Any) -> str:
    """Return code and text of an error: ``{"Errors": [{"Code", "Type", "Details"}]}``."""
    try:
        error = answer.json()["Errors"][0]
        return f"{error.get('Type', '')}: {error.get('Code', '')} {error.get('Details', '')}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return "refused"


def _restart_kubevirt(driver: Any, node: Any, _: Options) -> bool:
    """Restart a VM that is running; refuse to restart another one.

    A VM that is off has no instance, so that its restart gets a 404 although the VM exists.
    """
    return state_of(node) is NodeState.RUNNING and bool(driver.reboot_node(node))


def _destroy_azure(driver: Any, node: Any, _: Options) -> bool:
    """Delete a VM, and whatever of its disk and interfaces Azure does not delete with it.

    Libcloud waits until the VM is gone before it deletes these, ten seconds at a time, and fails
    for a VM without a network profile.
    """
    properties = node.extra["properties"]
    disk = (properties.get("storageProfile") or {}).get("osDisk") or {}
    interfaces = (properties.get("networkProfile") or {}).get("networkInterfaces") or []
    known = {
        "storageProfile": {"osDisk": disk},
        "networkProfile": {"networkInterfaces": interfaces},
    }
    node.extra = {**node.extra, "properties": {**properties, **known}}
    left = [one for one in interfaces if not _is_deleted_with_vm(one.get("properties") or {})]
    return bool(
        driver.destroy_node(
            node,
            ex_destroy_nic=bool(left),
            ex_destroy_vhd="vhd" in disk,
            ex_destroy_os_disk="managedDisk" in disk and not _is_deleted_with_vm(disk),
        )
    )


def _is_deleted_with_vm(part: Mapping[str, Any]) -> bool:
    return bool(part.get("deleteOption") == "Delete")


def _restart_azure(driver: Any, node: Any, _: Options) -> bool:
    """Restart a node; raise an error where Libcloud's own method returns False."""
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
    (_DRIVERS + "azure_arm", "destroy_node"): _destroy_azure,
    (_DRIVERS + "azure_arm", "reboot_node"): _restart_azure,
    (_DRIVERS + "kubevirt", "reboot_node"): _restart_kubevirt,
    (actions.MODULE, "destroy_node"): actions.destroy,
    (actions.MODULE, "stop_node"): actions.power_off,
    (actions.MODULE, "start_node"): actions.power_on,
    (actions.MODULE, "reboot_node"): actions.reboot,
}
"""A driver's module and its method to the function that replaces the method."""
