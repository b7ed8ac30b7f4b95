"""Properties of each provider's lists, and the component that makes them complete.

They come from the drivers of Libcloud 3.9.1 and from the providers' public descriptions of their
APIs. The tests check the table against the installed Libcloud, and the README's table against this
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final

from orchestrator_libcloud.listing import instance_types, list_requests
from orchestrator_libcloud.paging import paging_json, paging_own, paging_unpaged, paging_xml
from orchestrator_libcloud.paging.paging import Rule


class Who(StrEnum):
    """The component that fetches what is not in the first answer."""

    UNPAGED = "none"
    LIBCLOUD = "Libcloud"
    PLUGIN = "the plugin"


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of the providers of one driver module.

    Attributes:
        pages: how the provider's API divides lists.
        who: the component that fetches the rest.
        unclear: what happens if it is unknown whether the list continues, or if the rest cannot be
            fetched.
        why: what is wrong with Libcloud's own way, if the plugin does something else.
        rule: the function that makes the rule for one list call; None if Libcloud sends no
            requests.
        stands_before: the methods that send the driver's requests, as paths from the driver.
        shared_ids: the lists in which different things have the same id.
        lists: the functions that replace a driver's own lists.
        first: the function to call before a list.
    """

    pages: str
    who: Who
    unclear: str
    why: str = ""
    rule: Callable[[], Rule] | None = None
    stands_before: tuple[str, ...] = ("connection.request",)
    shared_ids: frozenset[str] = frozenset()
    lists: Mapping[str, Callable[[Any], list[Any]]] = field(default_factory=dict)
    first: str | None = None


_REFUSED: Final = "an answer that refers to more is an error"
_REPEATED: Final = "a broken or repeated page is an error"


def _whole(pages: str = "no", unclear: str = _REFUSED, **more: Any) -> Lists:
    return Lists(pages, Who.UNPAGED, unclear, rule=paging_unpaged.Unpaged, **more)


def _equinix_nodes(driver: Any) -> list[Any]:
    """Request the nodes of each project; Libcloud's way needs a feature removed in Python 3.11."""
    driver._projects_populated = False  # noqa: SLF001 - or later projects are never read
    projects = [project.id for project in driver.projects or []]
    wanted = [driver.project_id] if driver.project_id else projects
    return [node for one in wanted for node in driver.ex_list_nodes_for_project(one)]


_CLOUDSTACK: Final = Lists(
    "`page` and `pagesize`, 500 at a time unless the cloud's `default.page.size` says otherwise",
    Who.PLUGIN,
    "a list shorter than its `count`, or a repeated page, is an error",
    "Libcloud sends one request for each list",
    rule=paging_own.Cloudstack,
)
_MCP: Final = Lists(
    "`pageNumber`, 250 at a time",
    Who.PLUGIN,
    _REPEATED,
    "Libcloud requests one page of images and locations, and nttcis keeps only the last page of "
    "nodes",
    rule=paging_xml.Mcp,
    stands_before=("connection.request_with_orgId_api_2",),
)
_OPENSTACK: Final = Lists(
    "next links: Nova 1000 at a time, Glance 25",
    Who.PLUGIN,
    "1000 items in XML, which has no links, and a broken or repeated page are errors",
    "Libcloud requests one page of sizes, one page of every list before API 2, and ends without an "
    "error if Glance repeats a link",
    rule=paging_json.Openstack,
    stands_before=(
        "connection.request",
        "image_connection.request",
        "network_connection.request",
    ),
    lists={"list_images": list_requests.openstack_images},
)
_VCLOUD: Final = Lists(
    "no; one document has the whole data centre or catalogue",
    Who.UNPAGED,
    "the list is one document",
    rule=Rule,
    lists={"list_nodes": list_requests.vcloud_nodes, "list_sizes": list_requests.vcloud_sizes},
)

LISTS: Final[dict[str, Lists]] = {
    "abiquo": Lists(
        "next links, 25 at a time",
        Who.PLUGIN,
        "a list shorter than its `totalSize` is an error",
        "Libcloud requests one page of each list, and the locations only at the start",
        rule=paging_xml.Abiquo,
        lists={
            "list_images": list_requests.abiquo_images,
            "list_locations": list_requests.abiquo_locations,
        },
        first="ex_populate_cache",
    ),
    "auroracompute": _CLOUDSTACK,
    "azure": Lists("no", Who.UNPAGED, "nodes cannot be listed without a cloud service's name"),
    "azure_arm": Lists(
        "`nextLink` for nodes; other lists have one page",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud returns an incomplete list after 300 s",
        rule=partial(paging_json.JsonPages, paging_json.azure, drop=("nextLink",)),
    ),
    "brightbox": _whole(),
    "cloudscale": _whole(),
    "cloudsigma": Lists(
        "`limit` and `offset`, 20 at a time",
        Who.LIBCLOUD,
        "a list shorter than its `total_count` is an error",
        rule=paging_unpaged.Unpaged,
    ),
    "cloudstack": _CLOUDSTACK,
    "digitalocean": Lists(
        "`page`, 20 at a time (Libcloud requests 200)",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud treats a page without its list as the last one",
        rule=partial(paging_json.JsonPages, paging_json.digitalocean, drop=("links",)),
        lists={"list_locations": list_requests.available_or_not},
    ),
    "dimensiondata": _MCP,
    "dummy": Lists("no", Who.UNPAGED, "the cloud is in the process"),
    "ec2": Lists(
        "`nextToken`, 1000 at a time for accounts that must page, sizes 100 at a time",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud ignores the token, and has a fixed table of sizes",
        rule=paging_xml.Amazon,
        lists={"list_sizes": instance_types.list_sizes},
    ),
    "ecs": Lists(
        "`PageNumber`, 10 at a time; sizes by `NextToken`",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud requests one page of sizes, and never ends if the page number does not change",
        rule=paging_xml.Alibaba,
    ),
    "equinixmetal": Lists(
        "`page`, 10 at a time (Libcloud requests 1000 nodes)",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud reads one page, also of the projects, and no nodes at all from Python 3.11 on",
        rule=partial(paging_json.JsonPages, paging_json.equinix),
        lists={"list_nodes": _equinix_nodes, "list_sizes": list_requests.equinix_sizes},
    ),
    "exoscale": _CLOUDSTACK,
    "gandi": Lists(
        "`page`, 100 at a time",
        Who.UNPAGED,
        "a full page is an error, because the API does not say whether there is more",
        "Libcloud requests one page",
        rule=partial(paging_unpaged.FullPage, 100),
        lists={"list_nodes": list_requests.gandi_nodes},
    ),
    "gce": Lists(
        "`nextPageToken`, 500 at a time",
        Who.PLUGIN,
        "a zone that does not answer, and a repeated page, are errors",
        "Libcloud requests one page of sizes and locations, and omits zones that cannot be reached",
        rule=paging_own.Google,
        shared_ids=frozenset({"list_sizes"}),
        lists={"list_images": list_requests.google_images},
    ),
    "gig_g8": _whole("none known"),
    "gridscale": _whole(lists={"list_nodes": list_requests.gridscale_nodes}),
    "ikoula": _CLOUDSTACK,
    "internetsolutions": _MCP,
    "kamatera": _whole("none known", lists={"list_nodes": list_requests.kamatera_nodes}),
    "ktucloud": _CLOUDSTACK,
    "kubevirt": Lists(
        "only on request, which Libcloud does not make",
        Who.UNPAGED,
        _REFUSED,
        rule=paging_unpaged.Kubernetes,
    ),
    "libvirt_driver": Lists("no", Who.UNPAGED, "the hypervisor returns a complete list or none"),
    "linode": Lists(
        "`page`, 100 at a time (Libcloud requests 25)",
        Who.PLUGIN,
        "a page without the number of pages, and a broken or repeated page, are errors",
        "Libcloud treats a page without its list as an empty one",
        rule=partial(paging_json.JsonPages, paging_json.linode, drop=("page", "pages")),
    ),
    "maxihost": _whole(
        "`page` and `limit`, page size unknown",
        lists={
            "list_nodes": list_requests.maxihost_nodes,
            "list_locations": list_requests.available_or_not,
        },
    ),
    "ntta": _MCP,
    "nttcis": _MCP,
    "onapp": _whole("on request; unknown for some versions"),
    "opennebula": Lists(
        "no",
        Who.UNPAGED,
        "the list is one document",
        rule=Rule,
        lists={"list_nodes": list_requests.opennebula_nodes},
    ),
    "openstack": _OPENSTACK,
    "outscale": Lists(
        "`NextPageToken`, page size unknown",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud ignores the token, and returns an error as if it were a list",
        rule=paging_own.Outscale,
        stands_before=("_call_api",),
    ),
    "ovh": _whole(),
    "rackspace": _OPENSTACK,
    "rimuhosting": _whole("none known"),
    "scaleway": Lists(
        "`page`, 50 at a time (Libcloud requests 100), by header",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud fails at the second page of sizes and ignores `X-Total-Count`",
        rule=paging_own.Scaleway,
    ),
    "upcloud": _whole(
        "not in the version of the API that Libcloud uses",
        lists={"list_nodes": list_requests.upcloud_nodes},
    ),
    "vcl": Lists("no", Who.UNPAGED, "nodes cannot be listed without an address"),
    "vcloud": _VCLOUD,
    "vpsnet": _whole("none known"),
    "vsphere": Lists(
        "no; one view has everything", Who.UNPAGED, "the server returns a complete list"
    ),
    "vultr": Lists(
        "`cursor`, 100 at a time (Libcloud requests 500)",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud treats a page without its list as an empty one, and may follow a cursor for ever",
        rule=paging_json.Vultr,
    ),
}
"""A driver's module to the properties of its lists."""
