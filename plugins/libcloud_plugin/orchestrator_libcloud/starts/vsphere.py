"""The fields of a start on VMware vSphere: a clone of a template."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.nodes.convert import to_network
from orchestrator_libcloud.replacement import replaced
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.values import ANY, bare
from orchestrator_libcloud.vsphere import actions

_CLUSTER: Final = "ex_cluster"
_KINDS: Final = {
    _CLUSTER: ("ClusterComputeResource", "HostSystem"),
    "ex_datacenter": ("Datacenter",),
    "ex_datastore": ("Datastore",),
    "ex_datastore_cluster": ("StoragePod",),
    "ex_folder": ("Folder",),
    "ex_resource_pool": ("ResourcePool",),
}
"""Each option to the kinds of objects of which it is the name."""

_BY_REFERENCE: Final = frozenset({"ex_datastore", "ex_folder"})
"""Options that may also be the object's reference, such as ``group-v3``."""


class VsphereMapping(StartMapping):
    """The mapping of vSphere's SOAP API. A size is ``custom-CPUS-MB``."""

    lists = {"list_networks": StartList("ex_list_networks", to_network)}  # noqa: RUF012
    ids_only = frozenset({"image"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how vSphere takes it, or why it does not; send nothing."""
        guest = "Libcloud's driver does not customize the guest; prepare the template"
        return not_taken(driver_class) | {
            "keyname": guest,
            "ssh_keys": guest,
            "user_data": guest,
            "networks": StartField(
                limit=1, id_pattern=ANY, note="for a template without network adapters"
            ),
            "location": StartField(
                id_pattern=ANY, note=f"a cluster or host; else {_CLUSTER} in options"
            ),
            "root_disk": "The template determines the disk",
            "options": StartField(parts=tuple(_KINDS), note="names of the cloud's own objects"),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``.

        Raises:
            InvalidParameter: vSphere has no object with a given name; Libcloud would fail later.
        """
        place = request.location
        if place is None and _CLUSTER not in request.options:
            reason = (
                f"is missing; vSphere needs a cluster or host, here or as {_CLUSTER} in options"
            )
            raise InvalidParameter("location", reason)
        for option, name in request.options.items():
            if not isinstance(name, str) or not name:
                raise InvalidParameter("options", f"{option!r} must be a name")
            if option not in _BY_REFERENCE:
                _check(driver, "options", name, _KINDS[option])
        arguments: dict[str, Any] = {}
        if place is not None:
            _check(driver, "location", place, _KINDS[_CLUSTER])
            arguments["location"] = bare(name=place)
        if request.networks and _is_missing(driver, request.image.id, request.networks[0]):
            arguments["ex_network"] = request.networks[0]
        return arguments

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Clone the template; Libcloud waits ten seconds between two checks of the task."""
        with replaced(driver, "wait_for_task", actions.wait_for):
            return super().create(driver, arguments)


def _check(driver: Any, field: str, name: str, kinds: tuple[str, ...]) -> None:
    vim = importlib.import_module("pyVmomi").vim
    if driver.get_obj([getattr(vim, kind) for kind in kinds], name) is None:
        raise InvalidParameter(field, f"there is no {' or '.join(kinds)} named {name!r}")


def _is_missing(driver: Any, template: str, network: str) -> bool:
    """Return whether the clone of a template must be attached to a network.

    Raises:
        InvalidParameter: the template is attached to another network, which Libcloud keeps, or
            there is no such network.
    """
    attached = [str(one.name) for one in driver.find_by_uuid(template).network]
    if attached == [network]:
        return False
    if attached:
        reason = f"the image is attached to {', '.join(attached)}, and its clone stays there"
        raise InvalidParameter("networks", reason)
    _check(driver, "networks", network, ("Network",))
    return True
