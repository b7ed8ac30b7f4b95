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

    path: re.Pattern[str]
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
        drops: what Libcloud's driver leaves out or shows wrongly.
        done: what the plugin does about it.
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


_NOTHING: Final = "nothing"
_SHOWN: Final = "shown"
_POWER: Final = "its state is unknown then"
_BY_KIND: Final = "each address is sorted by its own kind"
_CLOSED: Final = "regions where nothing can be started now, or that do not say whether it can"

_CLOUDSTACK: Final = Gap(
    "IPv6 and secondary addresses of each NIC; VMs of projects",
    "all addresses are shown; a project's VMs are not the account's own and stay out",
    _names("list_nodes _to_node"),
)
_MCP: Final = Gap(
    "addresses of additional NICs; IPv6; images of data centres that the account does not have",
    "all addresses are shown; those images cannot be started and stay out",
    _names("_get_node_state _to_image"),
)

GAPS: Final[dict[str, Gap]] = {
    "abiquo": Gap(_NOTHING, "a request for one VM's NICs or template that fails is an error"),
    "auroracompute": _CLOUDSTACK,
    "azure": Gap(
        "all deployments but the first",
        "nodes cannot be listed without a cloud service's name",
        _names("_get_child_nodes _perform_request list_images list_nodes"),
    ),
    "azure_arm": Gap(
        "addresses, and the state, where the request for a NIC, a public IP or the instance view "
        "fails in any way; all addresses of a NIC but the first; fails for a VM without a network "
        "profile",
        "a refused request is an error, but for a NIC or IP that is gone or may not be seen (404, "
        "403): then the VM is shown without it; all addresses are shown",
        _names("_fetch_power_state _to_node"),
        spared=(
            Spared(
                re.compile(
                    r".*/(networkInterfaces|publicIPAddresses)/[^/]+|.*/instanceview",
                    re.IGNORECASE,
                ),
                GONE | HIDDEN,
            ),
        ),
    ),
    "brightbox": Gap("IPv6 addresses of cloud IPs", _SHOWN, _names("_extract _to_node")),
    "cloudscale": Gap(_NOTHING, _NOTHING),
    "cloudsigma": Gap(
        "fails for a NIC with IPv6, and where the boot drive cannot be seen; library drives that "
        "are not pre-installed",
        "IPv6 is shown; a VM is shown without a drive that is gone or hidden (404, 403); those "
        "drives cannot be started and stay out",
        _names("_to_node list_images"),
        spared=(Spared(re.compile(r"/drives/[^/]+/"), GONE | HIDDEN),),
    ),
    "cloudstack": _CLOUDSTACK,
    "digitalocean": Gap(
        f"IPv6, and all addresses of one type but the last; {_CLOSED}",
        "all addresses and all regions are shown",
        _names("list_sizes"),
    ),
    "dimensiondata": _MCP,
    "dummy": Gap(_NOTHING, _NOTHING),
    "ec2": Gap(
        "IPv6, secondary private addresses and those of further interfaces; zones that are not "
        "available",
        "all addresses are shown; nothing can be started in those zones, which stay out",
        _names("_to_node list_sizes"),
    ),
    "ecs": Gap(
        "IPv6 and addresses of further interfaces; a part of `extra` that cannot be parsed",
        "all addresses are shown",
        _names("_get_extra_dict _get_ips _to_node"),
    ),
    "equinixmetal": Gap(
        "sizes that do not say of which line they are, and those of others than `baremetal`",
        "the first are shown; the others cannot be started through Libcloud and stay out",
        _names("_to_size list_resources_async list_sizes"),
    ),
    "exoscale": _CLOUDSTACK,
    "gandi": Gap(
        "addresses of all interfaces but the first; takes private ones for public",
        f"all addresses are shown; {_BY_KIND}",
    ),
    "gce": Gap(
        "an instance whose boot disk is not in the list of disks, all instances where one has a "
        "regional boot disk; IPv6 addresses and aliases; public projects of images for which any "
        "request or image fails; deprecated images",
        "every instance is shown, without a disk that is not known; all addresses are shown; a "
        "public project that is closed or gone (403, 404 with Google's own code) is passed over, "
        "any other refusal is an error; deprecated images stay out",
        _names("_to_node_size ex_get_volume ex_get_zone list_images list_nodes"),
        spared=(
            Spared(
                re.compile(r"(.*/projects/[^/]+)?/zones/[^/]+"), GONE, _names("notFound NOT_FOUND")
            ),
            Spared(
                re.compile(r"/global/images"),
                GONE | HIDDEN,
                _names("notFound NOT_FOUND forbidden accessNotConfigured insufficientPermissions"),
            ),
        ),
    ),
    "gig_g8": Gap("cloudspaces of other accounts", "they are not the account's own and stay out"),
    "gridscale": Gap("takes a node for stopped whose power cannot be read", _POWER),
    "ikoula": _CLOUDSTACK,
    "internetsolutions": _MCP,
    "kamatera": Gap(
        "all addresses; takes a node for stopped whose power cannot be read",
        f"the list with details is asked for too; {_POWER}",
    ),
    "ktucloud": _CLOUDSTACK,
    "kubevirt": Gap(
        "a namespace whose answer is no plain 200; public addresses, which a pod has not",
        "the first is an error",
        _names("_memory_in_MB _to_node list_images list_nodes"),
    ),
    "libvirt_driver": Gap(
        "addresses that are not in the host's ARP table",
        f"{_BY_KIND}",
        _names("_get_ip_addresses_for_domain _parse_mac_addr_table"),
    ),
    "linode": Gap("the IPv6 address", _SHOWN, _names("_to_node _to_nodes")),
    "maxihost": Gap(
        f"{_CLOSED}; takes a node for running whose power cannot be read",
        f"all regions are shown; {_POWER}",
    ),
    "ntta": _MCP,
    "nttcis": _MCP,
    "onapp": Gap("fails for an IPv6 address", f"all addresses are shown; {_BY_KIND}"),
    "opennebula": Gap(
        "fails for a VM that was deleted after the list was made; takes private addresses for "
        "public",
        f"a VM whose own document is gone (404) is shown by its name, state unknown; {_BY_KIND}",
        _names("_extract_size _to_node"),
        spared=(Spared(re.compile(r"/compute/[^/]+"), GONE),),
    ),
    "openstack": Gap(
        "takes IPv6 addresses for private unless they are floating, and floating ones of private "
        "ranges for private; images that are not active before API 2",
        f"floating addresses are public; of the others {_BY_KIND}; images are left out only in a "
        "state that Glance documents and in which nothing can be started from them",
        _names("_get_size_price _paginated_request _to_images _to_node"),
    ),
    "outscale": Gap(
        "addresses of further interfaces and secondary ones", "all addresses are shown"
    ),
    "ovh": Gap("takes private addresses for public", "OVH's own word counts"),
    "rackspace": Gap(_NOTHING, "as OpenStack"),
    "rimuhosting": Gap(
        "orders that are not active (cancelled ones, as intended); takes private addresses for "
        "public",
        _BY_KIND,
    ),
    "scaleway": Gap("IPv6 and all public addresses but one", _SHOWN),
    "upcloud": Gap(
        "addresses of the utility network; fails for a server that was deleted after the list was "
        "made",
        "all addresses are shown; a server whose own document is gone (404) is shown as the list "
        "has it",
        _names("_to_node"),
        spared=(Spared(re.compile(r"1\.2/server/[^/]+"), GONE),),
    ),
    "vcl": Gap(_NOTHING, "nodes cannot be listed without an address"),
    "vcloud": Gap(
        "a vApp that may not be read, or has no name; vApps of a data centre that is newer than "
        "the driver object; secondary addresses; takes private addresses for public",
        "such a vApp (403, 404) is shown by its name, state unknown; the data centres are asked "
        f"for each time; all addresses are shown; without an external one {_BY_KIND}",
        _names(
            "_get_catalog_hrefs _get_catalogitems_hrefs _to_node _uniquer ex_list_nodes "
            "list_images vdcs"
        ),
        spared=(Spared(re.compile(r".*/vApp/[^/]+"), GONE | HIDDEN),),
    ),
    "vpsnet": Gap(
        "all addresses but the primary one, which the list does not tell",
        _BY_KIND,
        _names("list_sizes"),
    ),
    "vsphere": Gap(
        "IPv6, and all addresses but the one that the guest tools report first",
        f"IPv6 is shown; {_BY_KIND}",
        _names(
            "_enhance_metadata _request _to_location _to_node _to_nodes ex_list_content_libraries "
            "ex_list_content_library_items list_locations"
        ),
    ),
    "vultr": Gap(
        "IPv6 networks of the first API",
        "shown; 0.0.0.0, the address of a VM that has none yet, is left out",
        _names("_get_node_state _is_bare_metal"),
    ),
}
"""A driver's module to its gaps."""
