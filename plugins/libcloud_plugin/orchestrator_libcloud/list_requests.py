"""Lists that stand for a driver's own, which leaves something out or asks for too little."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_libcloud.refusals import GONE, HIDDEN, status_of

_VAPP: Final = "application/vnd.vmware.vcloud.vApp+xml"


def gandi_nodes(driver: Any) -> list[Any]:
    """Give each node the addresses of all its interfaces; Libcloud gives it those of the first."""
    machines = driver.connection.request("hosting.vm.list").object
    addresses = driver.connection.request("hosting.ip.list").object
    for machine in machines:
        own = machine.get("ifaces_id") or ()
        machine["ips"] = [a["ip"] for a in addresses if a.get("iface_id") in own and a.get("ip")]
    found: list[Any] = driver._to_nodes(machines)  # noqa: SLF001 - what the driver does with them
    return found


def google_images(driver: Any) -> list[Any]:
    """Pass over public projects that are closed or gone, and over no other failure."""
    found: list[Any] = driver.ex_list_project_images()
    missing = importlib.import_module("libcloud.common.google").GoogleBaseError
    for project in driver.IMAGE_PROJECTS:
        try:
            found += driver.ex_list_project_images(project)
        except missing as error:
            if status_of(error) not in GONE | HIDDEN:
                raise
    return found


def kamatera_nodes(driver: Any) -> list[Any]:
    """Ask for what the short list lacks too: addresses.

    The short list says which nodes there are: the long one is a search by name.
    """
    listed: list[Any] = driver.list_nodes()
    if not listed:
        return listed
    known = {node.id: node for node in driver.list_nodes(ex_full_details=True)}
    return [known.get(node.id, node) for node in listed]


def opennebula_nodes(driver: Any) -> list[Any]:
    """Show a node of the list by its name where its own document is gone."""
    found = []
    for element in driver.connection.request("/compute").object.findall("COMPUTE"):
        node_id = element.attrib["href"].partition("/compute/")[2]
        try:
            document = driver.connection.request(f"/compute/{node_id}").object
        except Exception as error:
            if status_of(error) not in GONE:
                raise
            found.append(_bare_node(driver, node_id, element.attrib.get("name")))
        else:
            found.append(driver._to_node(document))  # noqa: SLF001 - the driver's only place for it
    return found


def upcloud_nodes(driver: Any) -> list[Any]:
    """Show a node by what the list says of it where its own document is gone."""
    found = []
    for server in driver.connection.request("1.2/server").object["servers"]["server"]:
        try:
            more = driver.connection.request(f"1.2/server/{server['uuid']}").object["server"]
        except Exception as error:
            if status_of(error) not in GONE:
                raise
            more = {}
        without: Mapping[str, Any] = {"ip_addresses": {"ip_address": []}, "vnc_password": None}
        found.append({**without, **server, **more})
    nodes: list[Any] = driver._to_nodes(found)  # noqa: SLF001 - what the driver does with them
    return nodes


def vcloud_nodes(driver: Any) -> list[Any]:
    """Show every vApp of every data centre; one that may not be read, by its name alone.

    Libcloud leaves such a vApp out, and one without a name, and the vApps of a data centre that
    was made after the first call.
    """
    vcloud: Any = importlib.import_module("libcloud.compute.drivers.vcloud")
    driver._vdcs = None  # noqa: SLF001 - it is kept for ever otherwise
    found: list[Any] = []
    for centre in driver.vdcs:
        document = driver.connection.request(vcloud.get_url_path(centre.id)).object
        path = vcloud.fixxpath(document, "ResourceEntities/ResourceEntity")
        entities = [e for e in document.findall(path) if e.get("type") == _VAPP]
        found += [_vcloud_node(driver, vcloud.get_url_path, entity) for entity in entities]
    return found


def _vcloud_node(driver: Any, path_of: Any, entity: Any) -> Any:
    path = path_of(entity.get("href"))
    try:
        document = driver.connection.request(path, headers={"Content-Type": _VAPP}).object
    except Exception as error:
        # A vApp that was deleted meanwhile is refused like one that may not be read.
        if status_of(error) not in GONE | HIDDEN:
            raise
        return _bare_node(driver, entity.get("href"), entity.get("name"))
    return driver._to_node(document)  # noqa: SLF001 - the driver's only place for it


def _bare_node(driver: Any, node_id: str, name: str | None) -> Any:
    base: Any = importlib.import_module("libcloud.compute.base")
    types: Any = importlib.import_module("libcloud.compute.types")
    return base.Node(node_id, name or node_id, types.NodeState.UNKNOWN, [], [], driver)
