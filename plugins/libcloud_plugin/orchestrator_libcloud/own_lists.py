"""Lists of some drivers made another way than by the driver's own method.

Each takes a driver object and returns Libcloud's objects.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from orchestrator_core import NodeState

_POWER: Final = {
    True: NodeState.RUNNING,
    False: NodeState.STOPPED,
    "on": NodeState.RUNNING,
    "off": NodeState.STOPPED,
}
_BAREMETAL: Final = "baremetal"


def abiquo_locations(driver: Any) -> list[Any]:
    """Return the data centres of the user's virtual ones; Libcloud gives their URLs as texts."""
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
    """Return every location, where Libcloud leaves out those that take no new nodes.

    It leaves out too those whose ``available`` it cannot read; nodes may run in either.
    """
    found: list[Any] = driver.list_locations(ex_available=False)
    return found


def equinix_sizes(driver: Any) -> list[Any]:
    """Return the plans of machines, and those that do not say what they are of.

    Libcloud passes over the latter.
    """
    projects = driver.projects or []
    project = driver.project_id or (projects[0].id if projects else None)
    path = f"/metal/v1/projects/{project}/plans" if project else "/metal/v1/plans"
    plans = driver.connection.request(path).object["plans"]
    return [driver._to_size(plan) for plan in plans if _may_be_a_machine(plan)]  # noqa: SLF001


def _may_be_a_machine(plan: Any) -> bool:
    line = plan.get("line") if isinstance(plan, dict) else None
    return line == _BAREMETAL or not isinstance(line, str) or not line


def openstack_images(driver: Any) -> list[Any]:
    """Return images in every state; Libcloud leaves out those with one that it does not know."""
    try:
        found: list[Any] = driver.list_images(ex_only_active=False)
    except NotImplementedError:  # of the second API's, which gives them all
        found = driver.list_images()
    return found


def vcloud_sizes(driver: Any) -> list[Any]:
    """Return the sizes with their memory in MB for an id; Libcloud gives them none."""
    sizes: list[Any] = driver.list_sizes()
    for size in sizes:
        if size.id in (None, "None"):
            size.id = str(size.ram)
    return sizes


def kamatera_nodes(driver: Any) -> list[Any]:
    """Return the nodes; Libcloud calls stopped what is anything else than on."""
    servers = driver.connection.request("/service/servers").object
    return [
        driver.ex_get_node(
            id=server["id"],
            name=server["name"],
            state=_power(server["power"]),
            location=driver.ex_get_location(server["datacenter"]),
        )
        for server in servers
    ]


def gridscale_nodes(driver: Any) -> list[Any]:
    """Return the nodes; Libcloud calls stopped what is anything else than on."""
    return _with_power(driver.list_nodes(), "power")


def maxihost_nodes(driver: Any) -> list[Any]:
    """Return the nodes; Libcloud calls running what has any text for its power."""
    return _with_power(driver.list_nodes(), "power_status")


def _with_power(nodes: list[Any], key: str) -> list[Any]:
    for node in nodes:
        if key in node.extra:
            node.state = _power(node.extra[key])
    return nodes


def _power(value: Any) -> str:
    found = _POWER.get(value) if isinstance(value, bool | str) else None
    return (found or NodeState.UNKNOWN).value
