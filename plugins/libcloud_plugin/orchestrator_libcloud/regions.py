"""Regions that Libcloud's tables lack, and the addresses that serve them.

Some of Libcloud's drivers refuse a region that is not in their table. Parts of these tables are
years old, so here they are only a hint. If a provider's rule yields the region's address, or the
settings name one, the region is added to the driver's table before the driver is made.

Sources: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-endpoints.html with the partitions of
Amazon's own SDK; https://docs.outscale.com/en/userguide/API-Endpoints-Reference.html. CloudSigma's
rule is the one that most rows of Libcloud's table follow.
"""

from __future__ import annotations

import difflib
import importlib
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.patterns import Pattern

_DEFAULT_REGION: Final = "us-east-1"
_AMAZON_REGION: Final = Pattern(r"[a-z]{2,4}(-[a-z0-9]+)+-\d+\Z")
_AMAZON_ZONE: Final = Pattern(r"([a-z]{2,4}(-[a-z0-9]+)+-\d+)[a-z]\Z")
_LABEL: Final = Pattern(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_SCOPE: Final = Pattern(r"[A-Za-z0-9_.-]{1,64}\Z")
"""The form that is allowed in the scope of a signature and in a query, if a host is configured."""

_PARTITIONS: Final = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)
"""Prefix of a region's name to its partition's domain; all other regions are in amazonaws.com."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A driver's table of regions.

    Attributes:
        module: the module of the table.
        name: the table's name in the module.
        address: returns a region's host by the provider's rule; None if there is no rule.
        row: makes the driver's entry for a region from its name and host.
        needs_address: whether the driver connects to the entry's host.
    """

    module: str
    name: str
    row: Callable[[str, str], Mapping[str, Any]]
    address: Callable[[str], str] | None = None
    needs_address: bool = True

    def rows(self) -> MutableMapping[str, Any]:
        """Return the table itself."""
        found: MutableMapping[str, Any] = getattr(importlib.import_module(self.module), self.name)
        return found


def amazon_host(region: str) -> str:
    """Return the host of EC2's API in a region, by the domain of the region's partition."""
    suffix = next((s for start, s in _PARTITIONS if region.startswith(start)), "amazonaws.com")
    return f"ec2.{region}.{suffix}"


def _amazon_row(_region: str, host: str) -> Mapping[str, Any]:
    return {"endpoint": host, "api_name": "ec2", "country": "", "signature_version": "4"}


def _outscale_row(_region: str, host: str) -> Mapping[str, Any]:
    return {"endpoint": host, "api_name": "osc", "country": "", "instance_types": []}


def _named_row(region: str, host: str) -> Mapping[str, Any]:
    return {"name": region, "country": "", "host": host, "vendor": ""}


def _rackspace_row(region: str, _host: str) -> Mapping[str, Any]:
    return {"service_type": "compute", "name": "cloudServersOpenStack", "region": region.upper()}


def _outscale(name: str) -> _Table:
    host = "fcu.{}.outscale.com".format
    return _Table("libcloud.compute.drivers.ec2", name, _outscale_row, host)


_DIMENSION_DATA: Final = _Table("libcloud.common.dimensiondata", "API_ENDPOINTS", _named_row)
_TABLES: Final[dict[str, _Table]] = {
    "ec2": _Table(
        "libcloud.compute.constants.ec2_region_details_partial",
        "REGION_DETAILS",
        _amazon_row,
        amazon_host,
    ),
    "outscale_inc": _outscale("OUTSCALE_INC_REGION_DETAILS"),
    "outscale_sas": _outscale("OUTSCALE_SAS_REGION_DETAILS"),
    "cloudsigma": _Table(
        "libcloud.common.cloudsigma",
        "API_ENDPOINTS_2_0",
        _named_row,
        "{}.cloudsigma.com".format,
    ),
    "dimensiondata": _DIMENSION_DATA,
    "internetsolutions": _DIMENSION_DATA,
    "ntta": _DIMENSION_DATA,
    "nttcis": _Table("libcloud.common.nttcis", "API_ENDPOINTS", _named_row),
    # The region is a word of Keystone's catalogue, which has the address.
    "rackspace": _Table(
        "libcloud.compute.drivers.rackspace",
        "ENDPOINT_ARGS_MAP",
        _rackspace_row,
        needs_address=False,
    ),
}
_ONLY: Final = {
    # The driver silently serves every other region from Amsterdam.
    "aurora_compute": ("Amsterdam", "Barcelona", "Los Angeles", "Miami", "Rotterdam", "Tokyo"),
    "rackspace_first_gen": ("uk", "us"),
}
"""Regions that a driver's own code knows: it accepts no others."""

_taught: set[tuple[str, str, str]] = set()
_teaching: Final = threading.Lock()


def refusal(provider: str, region: str, host: str | None = None) -> str | None:
    """Return why a region cannot be used; None if it can, whether or not Libcloud's table has it.

    Args:
        provider: Libcloud's name of the provider.
        region: the settings' region.
        host: the settings' host, with which no rule for an address is needed.
    """
    if region not in _ONLY.get(provider, (region,)):
        known = ", ".join(_ONLY[provider])
        return f"the driver of {provider} can use only the regions {known}"
    table = _TABLES.get(provider)
    if table is None or region in _original(table):
        return None
    if host is not None or not table.needs_address:
        return None if _SCOPE.match(region) else f"{region!r} cannot be the name of a region"
    if table.address is None:
        return (
            f"Libcloud has no address for the region {region!r} of {provider}{_near(table, region)}"
            "; set host to the address of its API"
        )
    if provider == "ec2":
        return _amazon_refusal(region, table)
    return None if _LABEL.match(region) else f"{region!r} cannot be the name of a region"


def _amazon_refusal(region: str, table: _Table) -> str | None:
    if zone := _AMAZON_ZONE.match(region):
        return f"{region!r} is an availability zone; its region is {zone[1]!r}"
    if _AMAZON_REGION.match(region) and len(region) <= 32:  # noqa: PLR2004 - none is near it
        return None
    return f"{region!r} does not have the form of an Amazon region{_near(table, region)}"


def hint(provider: str, region: str | None) -> str | None:
    """Return a sentence about a region that Libcloud's table lacks; it may be new, or a typo."""
    table = _TABLES.get(provider)
    if table is None or region is None or region in _original(table):
        return None
    return (
        f"The region {region!r} is unknown to Libcloud's table of {provider}{_near(table, region)}"
    )


def _original(table: _Table) -> list[str]:
    return [name for name in table.rows() if (table.module, table.name, name) not in _taught]


def _near(table: _Table, region: str) -> str:
    known = sorted(_original(table))
    near = difflib.get_close_matches(region.lower(), known, n=1)
    return f"; the nearest there is {near[0]!r}" if near else f"; known are {', '.join(known)}"


def endpoint(provider: str, region: str | None) -> str | None:
    """Return the host that serves a region (EC2's default host without one), if it is known."""
    if provider != "ec2":
        return None
    name = region or _DEFAULT_REGION
    row = _TABLES["ec2"].rows().get(name)
    return str(row["endpoint"]) if row is not None else amazon_host(name)


@contextmanager
def taught(provider: str, region: str | None, host: str | None = None) -> Iterator[None]:
    """Add the region to the driver's table while a driver object is made.

    The arguments are those of :func:`refusal`, which must have returned None.
    """
    table = _TABLES.get(provider)
    if table is None or region is None or region in _original(table):
        yield
        return
    address = host or (table.address(region) if table.address is not None else "")
    with _teaching:  # another cloud may use another host for a region of this name
        _taught.add((table.module, table.name, region))
        table.rows()[region] = table.row(region, address)
        yield
