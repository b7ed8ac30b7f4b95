"""Items that each Libcloud driver leaves out of its lists without an error, and the remedy.

This is the result of a review of the drivers of Libcloud 3.9.1: of every ``except``, ``continue``
and filter, and of every request for one item, on the way from a list to its items. The tests check
``reviewed`` against the installed Libcloud, so that a new function must be reviewed, and the
README's table against this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.errors.item_refusals import GONE, HIDDEN, codes_of, status_of
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.patterns import Pattern

_DRIVERS: Final = "libcloud.compute.drivers."


@dataclass(frozen=True, slots=True)
class Spared:
    """Requests that a complete list can do without: the item is shown, with a part of it empty.

    Attributes:
        path: the pattern of the request's whole path.
        statuses: the statuses of refusals that say that there is nothing to show.
        codes: the provider's own codes for it; None if the driver keeps none. A gateway that lost
            its route also answers 404, but without these codes.
    """

    path: Pattern
    statuses: frozenset[int]
    codes: frozenset[str] | None = None

    def covers(self, error: Exception, action: str) -> bool:
        """Return whether this refusal is one of them."""
        if status_of(error) not in self.statuses or not self.path.fullmatch(action):
            return False
        return self.codes is None or not self.codes.isdisjoint(codes_of(error))


@dataclass(frozen=True, slots=True)
class Gap:
    """The gaps of one driver module.

    Attributes:
        drops: the items that Libcloud's driver omits or shows wrongly.
        done: the behaviour of the plugin instead.
        reviewed: the functions of the module, on the way from a list to its items, that catch
            errors, continue with the next item or filter. Each was read and is covered by the two
            texts.
        spared: the requests that may be refused without an error of the list.
    """

    drops: str
    done: str
    reviewed: frozenset[str] = frozenset()
    spared: tuple[Spared, ...] = ()


def spares(driver: Any, error: Exception, action: str) -> bool:
    """Return whether a driver's list is complete although this request of it was refused.

    Args:
        driver: the Libcloud driver object.
        error: the request's error.
        action: the request's path.
    """
    known = (name.removeprefix(_DRIVERS) for name in modules(driver))
    gap = next((GAPS[name] for name in known if name in GAPS), None)
    return gap is not None and any(spared.covers(error, action) for spared in gap.spared)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOTHING: Final = "none"
_SHOWN: Final = "shows them"
_POWER: Final = "shows the state as unknown in this case"
_BY_KIND: Final = "decides public or private by the kind of each address"
_CLOSED: Final = "omits regions that are closed for starts, or do not say whether they are open"
_PRIVATE: Final = "shows private addresses as public"

_CLOUDSTACK: Final = Gap(
    "omits IPv6 and secondary addresses of each NIC, and VMs of projects",
    "shows all addresses; omits a project's VMs, which do not belong to the account",
    _names("list_nodes _to_node"),
)
_MCP: Final = Gap(
    "omits addresses of additional NICs, IPv6, and images of data centres outside the account",
    "shows all addresses; omits those images, which the account cannot start",
    _names("_get_node_state _to_image"),
)

GAPS: Final[dict[str, Gap]] = {
    "abiquo": Gap(_NOTHING, "a failed request for one VM's NICs or template is an error"),
    "auroracompute": _CLOUDSTACK,
    "azure": Gap(
        "omits all deployments but the first",
        "refuses lists of nodes, which need the name of a cloud service",
        _names("_get_child_nodes _perform_request list_images list_nodes"),
    ),
    "azure_arm": Gap(
        "omits addresses and the state if the request for a NIC, a public IP or the instance view "
        "fails; omits all addresses of a NIC but the first; fails for a VM without a network "
        "profile",
        "shows all addresses; a refused request is an error, except for a NIC or IP that is gone "
        "or hidden (404, 403), without which the VM is shown",
        _names("_fetch_power_state _to_node"),
        spared=(
            Spared(
                Pattern(
                    r".*/(networkInterfaces|publicIPAddresses)/[^/]+|.*/instanceview",
                    re.IGNORECASE,
                ),
                GONE | HIDDEN,
            ),
        ),
    ),
    "brightbox": Gap("omits IPv6 addresses of cloud IPs", _SHOWN, _names("_extract _to_node")),
    "cloudscale": Gap(_NOTHING, "no change"),
    "cloudsigma": Gap(
        "fails for a NIC with IPv6, and for a hidden boot drive; omits library drives that are not "
        "pre-installed",
        "shows IPv6; shows a VM without a drive that is gone or hidden (404, 403); omits those "
        "drives, which cannot be started",
        _names("_to_node list_images"),
        spared=(Spared(Pattern(r"/drives/[^/]+/"), GONE | HIDDEN),),
    ),
    "cloudstack": _CLOUDSTACK,
    "digitalocean": Gap(
        f"omits IPv6, and all addresses of one type but the last; {_CLOSED}",
        "shows all addresses and all regions",
        _names("list_sizes"),
    ),
    "dimensiondata": _MCP,
    "dummy": Gap(_NOTHING, "no change"),
    "ec2": Gap(
        "omits IPv6, secondary private addresses, addresses of further interfaces, and zones that "
        "are not available",
        "shows all addresses; omits those zones, in which no node can be started",
        _names("_to_node list_sizes"),
    ),
    "ecs": Gap(
        "omits IPv6, addresses of further interfaces, and a part of `extra` that cannot be parsed",
        "shows all addresses",
        _names("_get_extra_dict _get_ips _to_node"),
    ),
    "equinixmetal": Gap(
        "omits sizes without a line, and sizes of lines other than `baremetal`",
        "shows the first; omits the others, which Libcloud cannot start",
        _names("_to_size list_resources_async list_sizes"),
    ),
    "exoscale": _CLOUDSTACK,
    "gandi": Gap(
        f"omits addresses of all interfaces but the first; {_PRIVATE}",
        f"shows all addresses; {_BY_KIND}",
    ),
    "gce": Gap(
        "omits an instance whose boot disk is not in the list of disks, all instances if one has a "
        "regional boot disk, IPv6 addresses and aliases, public projects of images with any failed "
        "request or image, and deprecated images",
        "shows every instance, without an unknown disk; shows all addresses; omits a public "
        "project that is closed or gone (403, 404 with Google's own code), while any other refusal "
        "is an error; omits deprecated images",
        _names("_to_node_size ex_get_volume ex_get_zone list_images list_nodes"),
        spared=(
            Spared(
                Pattern(r"(.*/projects/[^/]+)?/zones/[^/]+"), GONE, _names("notFound NOT_FOUND")
            ),
            Spared(
                Pattern(r"/global/images"),
                GONE | HIDDEN,
                _names("notFound NOT_FOUND forbidden accessNotConfigured insufficientPermissions"),
            ),
        ),
    ),
    "gig_g8": Gap("omits cloudspaces of other accounts", "omits them, as intended"),
    "gridscale": Gap("shows a node as stopped if its power state cannot be read", _POWER),
    "ikoula": _CLOUDSTACK,
    "internetsolutions": _MCP,
    "kamatera": Gap(
        "omits all addresses; shows a node as stopped if its power state cannot be read",
        f"requests the list with details too; {_POWER}",
    ),
    "ktucloud": _CLOUDSTACK,
    "kubevirt": Gap(
        "omits a namespace whose answer is not 200, and public addresses, which pods lack",
        "such an answer is an error",
        _names("_memory_in_MB _to_node list_images list_nodes"),
    ),
    "libvirt_driver": Gap(
        "omits addresses that are not in the host's ARP table",
        f"{_BY_KIND}",
        _names("_get_ip_addresses_for_domain _parse_mac_addr_table"),
    ),
    "linode": Gap("omits the IPv6 address", "shows it", _names("_to_node _to_nodes")),
    "maxihost": Gap(
        f"{_CLOSED}; shows a node as running if its power state cannot be read",
        f"shows all regions; {_POWER}",
    ),
    "ntta": _MCP,
    "nttcis": _MCP,
    "onapp": Gap("fails for an IPv6 address", f"shows all addresses; {_BY_KIND}"),
    "opennebula": Gap(
        f"fails for a VM that is deleted after the list was read; {_PRIVATE}",
        "shows a VM whose own document is gone (404) with its name and an unknown state; "
        f"{_BY_KIND}",
        _names("_extract_size _to_node"),
        spared=(Spared(Pattern(r"/compute/[^/]+"), GONE),),
    ),
    "openstack": Gap(
        "shows IPv6 addresses that are not floating, and floating addresses of private ranges, as "
        "private; omits images that are not active before API 2",
        f"shows floating addresses as public; {_BY_KIND} that is not floating; omits images only "
        "in a state in which, by Glance's documents, no node can be started from them",
        _names("_get_size_price _paginated_request _to_images _to_node"),
    ),
    "outscale": Gap(
        "omits secondary addresses and addresses of further interfaces", "shows all addresses"
    ),
    "ovh": Gap(_PRIVATE, "uses OVH's own statement"),
    "rackspace": Gap(_NOTHING, "as for OpenStack"),
    "rimuhosting": Gap(
        f"omits orders that are not active (cancelled ones, as intended); {_PRIVATE}",
        _BY_KIND,
    ),
    "scaleway": Gap("omits IPv6 and all public addresses but one", _SHOWN),
    "upcloud": Gap(
        "omits addresses of the utility network; fails for a server that is deleted after the list "
        "was read",
        "shows all addresses; shows a server whose own document is gone (404) as in the list",
        _names("_to_node"),
        spared=(Spared(Pattern(r"1\.2/server/[^/]+"), GONE),),
    ),
    "vcl": Gap(_NOTHING, "refuses lists of nodes, which need an address"),
    "vcloud": Gap(
        "omits a vApp that may not be read or has no name, vApps of a data centre that is newer "
        f"than the driver object, and secondary addresses; {_PRIVATE}",
        "shows such a vApp (403, 404) with its name and an unknown state; requests the data "
        f"centres each time; shows all addresses; without an external address {_BY_KIND}",
        _names(
            "_get_catalog_hrefs _get_catalogitems_hrefs _to_node _uniquer ex_list_nodes "
            "list_images vdcs"
        ),
        spared=(Spared(Pattern(r".*/vApp/[^/]+"), GONE | HIDDEN),),
    ),
    "vpsnet": Gap(
        "omits all addresses but the primary one, because the list lacks them",
        _BY_KIND,
        _names("list_sizes"),
    ),
    "vsphere": Gap(
        "omits IPv6, and all addresses but the first one that the guest tools report",
        f"shows IPv6; {_BY_KIND}",
        _names(
            "_enhance_metadata _request _to_location _to_node _to_nodes ex_list_content_libraries "
            "ex_list_content_library_items list_locations"
        ),
    ),
    "vultr": Gap(
        "omits IPv6 networks of the first API",
        "shows them; omits 0.0.0.0, the address of a VM that has none yet",
        _names("_get_node_state _is_bare_metal"),
    ),
}
"""A driver's module to its gaps."""
