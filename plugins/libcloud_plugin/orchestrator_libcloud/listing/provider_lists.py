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

    UNPAGED = "unpaged"
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


_REFUSED: Final = "an error when an answer points to more"
_REPEATED: Final = "an error when a page is broken or repeated"


def _whole(pages: str = "no", unclear: str = _REFUSED, **more: Any) -> Lists:
    return Lists(pages, Who.UNPAGED, unclear, rule=paging_unpaged.Unpaged, **more)


def _equinix_nodes(driver: Any) -> list[Any]:
    """Request the nodes of each project; Libcloud's way needs a feature removed in Python 3.11."""
    driver._projects_populated = False  # noqa: SLF001 - else projects made later are never seen
    projects = [project.id for project in driver.projects or []]
    wanted = [driver.project_id] if driver.project_id else projects
    return [node for one in wanted for node in driver.ex_list_nodes_for_project(one)]


_CLOUDSTACK: Final = Lists(
    "`page` and `pagesize`, 500 at a time unless the cloud's `default.page.size` says otherwise",
    Who.PLUGIN,
    "an error when there is less than the `count`, or a page is repeated",
    "Libcloud sends one request for each list",
    rule=paging_own.Cloudstack,
)
_MCP: Final = Lists(
    "`pageNumber`, 250 at a time",
    Who.PLUGIN,
    _REPEATED,
    "Libcloud asks once for images and locations, and nttcis keeps only the last page of nodes",
    rule=paging_xml.Mcp,
    stands_before=("connection.request_with_orgId_api_2",),
)
_OPENSTACK: Final = Lists(
    "next links: Nova 1000 at a time, Glance 25",
    Who.PLUGIN,
    "an error for 1000 items in XML, which has no link, and when a page is broken or repeated",
    "Libcloud asks once for sizes, once for everything before API 2, and ends without an error "
    "where Glance repeats a link",
    rule=paging_json.Openstack,
    stands_before=("connection.request", "image_connection.request"),
    lists={"list_images": list_requests.openstack_images},
)
_VCLOUD: Final = Lists(
    "no: what a data centre or catalogue has is in one document",
    Who.UNPAGED,
    "the list is one document",
    rule=Rule,
    lists={"list_nodes": list_requests.vcloud_nodes, "list_sizes": list_requests.vcloud_sizes},
)

LISTS: Final[dict[str, Lists]] = {
    "abiquo": Lists(
        "next links, 25 at a time",
        Who.PLUGIN,
        "an error when a list is shorter than its `totalSize`",
        "Libcloud asks once for each list, and for the locations only at the start",
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
        "`nextLink` for nodes; the others are whole",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud ends after 300 s with what it has",
        rule=partial(paging_json.JsonPages, paging_json.azure, drop=("nextLink",)),
    ),
    "brightbox": _whole(),
    "cloudscale": _whole(),
    "cloudsigma": Lists(
        "`limit` and `offset`, 20 at a time",
        Who.LIBCLOUD,
        "an error when a list is shorter than its `total_count`",
        rule=paging_unpaged.Unpaged,
    ),
    "cloudstack": _CLOUDSTACK,
    "digitalocean": Lists(
        "`page`, 20 at a time (Libcloud asks for 200)",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud takes a page without its list for the last one",
        rule=partial(paging_json.JsonPages, paging_json.digitalocean, drop=("links",)),
        lists={"list_locations": list_requests.available_or_not},
    ),
    "dimensiondata": _MCP,
    "dummy": Lists("no", Who.UNPAGED, "lives in the process"),
    "ec2": Lists(
        "`nextToken`, 1000 at a time where the account must page, sizes 100 at a time",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud does not look at the token, and has sizes as a list of its own",
        rule=paging_xml.Amazon,
        lists={"list_sizes": instance_types.list_sizes},
    ),
    "ecs": Lists(
        "`PageNumber`, 10 at a time; sizes by `NextToken`",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud asks once for sizes, and for ever where the page number does not move",
        rule=paging_xml.Alibaba,
    ),
    "equinixmetal": Lists(
        "`page`, 10 at a time (Libcloud asks for 1000 nodes)",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud reads one page, of the projects too, and from Python 3.11 on no nodes at all",
        rule=partial(paging_json.JsonPages, paging_json.equinix),
        lists={"list_nodes": _equinix_nodes, "list_sizes": list_requests.equinix_sizes},
    ),
    "exoscale": _CLOUDSTACK,
    "gandi": Lists(
        "`page`, 100 at a time",
        Who.UNPAGED,
        "an error for a full page: the API does not say whether there is more",
        "Libcloud asks once",
        rule=partial(paging_unpaged.FullPage, 100),
        lists={"list_nodes": list_requests.gandi_nodes},
    ),
    "gce": Lists(
        "`nextPageToken`, 500 at a time",
        Who.PLUGIN,
        "an error when a zone did not answer, and when a page is repeated",
        "Libcloud asks once for sizes and locations, and passes over zones that cannot be reached",
        rule=paging_own.Google,
        shared_ids=frozenset({"list_sizes"}),
        lists={"list_images": list_requests.google_images},
    ),
    "gig_g8": _whole("not that it is known"),
    "gridscale": _whole(lists={"list_nodes": list_requests.gridscale_nodes}),
    "ikoula": _CLOUDSTACK,
    "internetsolutions": _MCP,
    "kamatera": _whole("not that it is known", lists={"list_nodes": list_requests.kamatera_nodes}),
    "ktucloud": _CLOUDSTACK,
    "kubevirt": Lists(
        "only when asked to; Libcloud does not",
        Who.UNPAGED,
        _REFUSED,
        rule=paging_unpaged.Kubernetes,
    ),
    "libvirt_driver": Lists("no", Who.UNPAGED, "the hypervisor answers whole or not at all"),
    "linode": Lists(
        "`page`, 100 at a time (Libcloud asks for 25)",
        Who.PLUGIN,
        "an error when a page does not say how many there are, is broken or repeated",
        "Libcloud takes a page without its list for an empty one",
        rule=partial(paging_json.JsonPages, paging_json.linode, drop=("page", "pages")),
    ),
    "maxihost": _whole(
        "`page` and `limit`, not known how many at a time",
        lists={
            "list_nodes": list_requests.maxihost_nodes,
            "list_locations": list_requests.available_or_not,
        },
    ),
    "ntta": _MCP,
    "nttcis": _MCP,
    "onapp": _whole("when asked to; not known of every version"),
    "opennebula": Lists(
        "no",
        Who.UNPAGED,
        "the list is one document",
        rule=Rule,
        lists={"list_nodes": list_requests.opennebula_nodes},
    ),
    "openstack": _OPENSTACK,
    "outscale": Lists(
        "`NextPageToken`, not known how many at a time",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud does not look at the token, and hands on an error as if it were a list",
        rule=paging_own.Outscale,
        stands_before=("_call_api",),
    ),
    "ovh": _whole(),
    "rackspace": _OPENSTACK,
    "rimuhosting": _whole("not that it is known"),
    "scaleway": Lists(
        "`page`, 50 at a time (Libcloud asks for 100), by header",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud fails at the second page of sizes and does not look at `X-Total-Count`",
        rule=paging_own.Scaleway,
    ),
    "upcloud": _whole(
        "not in the version of the API that Libcloud speaks",
        lists={"list_nodes": list_requests.upcloud_nodes},
    ),
    "vcl": Lists("no", Who.UNPAGED, "nodes cannot be listed without an address"),
    "vcloud": _VCLOUD,
    "vpsnet": _whole("not that it is known"),
    "vsphere": Lists("no: one view of everything", Who.UNPAGED, "the server answers whole"),
    "vultr": Lists(
        "`cursor`, 100 at a time (Libcloud asks for 500)",
        Who.PLUGIN,
        _REPEATED,
        "Libcloud takes a page without its list for an empty one, and follows a cursor for ever",
        rule=paging_json.Vultr,
    ),
}
"""A driver's module to the properties of its lists."""
