"""Replacements for a driver's own lists that fail, leave something out or request too little.

Each takes a driver object and returns Libcloud's objects.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import NodeState
from orchestrator_libcloud.errors.item_refusals import GONE, HIDDEN, status_of

_POWER: Final = {
    True: NodeState.RUNNING,
    False: NodeState.STOPPED,
    "on": NodeState.RUNNING,
    "off": NodeState.STOPPED,
}
_BAREMETAL: Final = "baremetal"
_VAPP: Final = "application/vnd.vmware.vcloud.vApp+xml"


def abiquo_images(driver: Any) -> list[Any]:
    """Return every template of the repositories of the user's data centres, each once.

    Libcloud leaves out a template whose id is the same as another template's.
    """
    link: Any = importlib.import_module("libcloud.common.abiquo").get_href
    enterprise = driver._get_enterprise_id()  # noqa: SLF001 - as the driver's own list asks
    repositories = _abiquo_answer(
        driver, f"/admin/enterprises/{enterprise}/datacenterrepositories/", "DCRS"
    ).findall("datacenterRepository")
    found: dict[tuple[str, str | None], Any] = {}
    for repository in repositories:
        centre = link(repository, "datacenter").rpartition("/")[2]
        for path in driver.connection.cache["locations"].values():
            mine = _abiquo_answer(driver, path, "VDC")
            if link(mine, "location").rpartition("/")[2] != centre:
                continue
            hypervisor = {"hypervisorTypeName": mine.findtext("hypervisorType")}
            path_of_templates = link(repository, "virtualmachinetemplates")
            templates = _abiquo_answer(driver, path_of_templates, "VMTPLS", hypervisor)
            for template in templates.findall("virtualMachineTemplate"):
                image = driver._to_nodeimage(  # noqa: SLF001 - the driver's only place for it
                    template, driver, link(repository, "edit")
                )
                # Data centres share repositories, and templates fit several hypervisors.
                found.setdefault((image.id, image.extra["url"]), image)
    return list(found.values())


def _abiquo_answer(driver: Any, path: str, kind: str, params: Any = None) -> Any:
    headers = {"Accept": getattr(driver, f"{kind}_MIME_TYPE")}
    return driver.connection.request(path, params, headers=headers).object


def abiquo_locations(driver: Any) -> list[Any]:
    """Return the data centres of the user's virtual ones; Libcloud returns their URLs as texts."""
    make = importlib.import_module("libcloud.compute.base").NodeLocation
    headers = {"Accept": driver.DCS_MIME_TYPE}
    known = driver.connection.cache["locations"]
    enterprise = driver.connection.cache["enterprise"].findtext("id")
    centres = driver.connection.request(
        "/admin/datacenters", headers=headers, params={"idEnterprise": enterprise}
    ).object.findall("datacenter")
    mine = {link.rpartition("/")[2]: link for link in known}
    found = [one for one in centres if one.findtext("id") in mine]
    named = {one.findtext("id") for one in found}
    return [
        *(make(one.findtext("id"), one.findtext("name"), None, driver) for one in found),
        *(make(identity, identity, None, driver) for identity in mine if identity not in named),
    ]


def available_or_not(driver: Any) -> list[Any]:
    """Return every location; Libcloud leaves out those that accept no new nodes.

    Libcloud also leaves out locations whose ``available`` it cannot read. Nodes may run in all of
    them.
    """
    found: list[Any] = driver.list_locations(ex_available=False)
    return found


def equinix_sizes(driver: Any) -> list[Any]:
    """Return the plans of machines, and the plans that do not say what they are for.

    Libcloud leaves out the latter.
    """
    projects = driver.projects or []
    project = driver.project_id or (projects[0].id if projects else None)
    path = f"/metal/v1/projects/{project}/plans" if project else "/metal/v1/plans"
    plans = driver.connection.request(path).object["plans"]
    return [driver._to_size(plan) for plan in plans if _may_be_a_machine(plan)]  # noqa: SLF001


def _may_be_a_machine(plan: Any) -> bool:
    line = plan.get("line") if isinstance(plan, dict) else None
    return line == _BAREMETAL or not isinstance(line, str) or not line


def gandi_nodes(driver: Any) -> list[Any]:
    """Return nodes with the addresses of all interfaces; Libcloud has only those of the first."""
    machines = driver.connection.request("hosting.vm.list").object
    addresses = driver.connection.request("hosting.ip.list").object
    for machine in machines:
        own = machine.get("ifaces_id")
        own = own if isinstance(own, list) else ()
        machine["ips"] = [a["ip"] for a in addresses if a.get("iface_id") in own and a.get("ip")]
    found: list[Any] = driver._to_nodes(machines)  # noqa: SLF001 - what the driver does with them
    return found


def google_images(driver: Any) -> list[Any]:
    """Return all images, without public projects that are closed or gone; raise other failures."""
    found: list[Any] = driver.ex_list_project_images()
    missing = importlib.import_module("libcloud.common.google").GoogleBaseError
    for project in driver.IMAGE_PROJECTS:
        try:
            found += driver.ex_list_project_images(project)
        except missing as error:
            if status_of(error) not in GONE | HIDDEN:
                raise
    return found


def gridscale_nodes(driver: Any) -> list[Any]:
    """Return nodes with the power state that the provider reports.

    Libcloud reports every node as stopped that is not on.
    """
    return _with_power(driver.list_nodes(), "power")


def kamatera_nodes(driver: Any) -> list[Any]:
    """Return nodes with their addresses, which the short list lacks.

    The short list says which nodes exist, because the long one is a search by name. Libcloud
    reports every node as stopped that is not on.
    """
    servers = driver.connection.request("/service/servers").object
    if not servers:
        return []
    known = {node.id: node for node in driver.list_nodes(ex_full_details=True)}
    return [_kamatera_node(driver, server, known) for server in servers]


def _kamatera_node(driver: Any, server: Any, known: Mapping[str, Any]) -> Any:
    node = known.get(server["id"]) or driver.ex_get_node(
        id=server["id"],
        name=server["name"],
        location=driver.ex_get_location(server["datacenter"]),
    )
    node.state = _power(server["power"])
    return node


def maxihost_nodes(driver: Any) -> list[Any]:
    """Return nodes with the power state that the provider reports.

    Libcloud reports a node as running if the state is any text.
    """
    return _with_power(driver.list_nodes(), "power_status")


def opennebula_nodes(driver: Any) -> list[Any]:
    """Return nodes; a node whose own document is gone has only its name from the list."""
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


def openstack_images(driver: Any) -> list[Any]:
    """Return images in every state; Libcloud leaves out images in a state that it does not know."""
    try:
        found: list[Any] = driver.list_images(ex_only_active=False)
    except NotImplementedError:  # for the API's version 2, which returns them all
        found = driver.list_images()
    return found


def upcloud_nodes(driver: Any) -> list[Any]:
    """Return nodes; a node whose own document is gone has only what the list says of it."""
    found = []
    for server in driver.connection.request("1.2/server").object["servers"]["server"]:
        try:
            more = driver.connection.request(f"1.2/server/{server['uuid']}").object["server"]
        except Exception as error:
            if status_of(error) not in GONE:
                raise
            more = {}
        without: dict[str, Any] = {"ip_addresses": {"ip_address": []}, "vnc_password": None}
        found.append(without | server | more)
    nodes: list[Any] = driver._to_nodes(found)  # noqa: SLF001 - what the driver does with them
    return nodes


def vcloud_nodes(driver: Any) -> list[Any]:
    """Return every vApp of every data centre; a vApp that is hidden has only its name.

    Libcloud leaves out such a vApp, a vApp without a name, and the vApps of a data centre that was
    created after the first call.
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
        # A vApp that was deleted meanwhile is refused like one that this user cannot see.
        if status_of(error) not in GONE | HIDDEN:
            raise
        return _bare_node(driver, entity.get("href"), entity.get("name"))
    return driver._to_node(document)  # noqa: SLF001 - the driver's only place for it


def vcloud_sizes(driver: Any) -> list[Any]:
    """Return the sizes with an id, which is their memory in MB; Libcloud's have no id."""
    sizes: list[Any] = driver.list_sizes()
    for size in sizes:
        if size.id in (None, "None"):
            size.id = str(size.ram)
    return sizes


def _bare_node(driver: Any, node_id: str, name: str | None) -> Any:
    base: Any = importlib.import_module("libcloud.compute.base")
    types: Any = importlib.import_module("libcloud.compute.types")
    return base.Node(node_id, name or node_id, types.NodeState.UNKNOWN, [], [], driver)


def _with_power(nodes: list[Any], key: str) -> list[Any]:
    for node in nodes:
        if key in node.extra:
            node.state = _power(node.extra[key])
    return nodes


def _power(value: Any) -> str:
    found = _POWER.get(value) if isinstance(value, bool | str) else None
    return (found or NodeState.UNKNOWN).value
