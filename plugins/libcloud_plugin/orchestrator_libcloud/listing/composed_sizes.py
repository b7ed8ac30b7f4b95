"""Sizes that a caller composes of amounts, which no list can contain.

The id of such a size says how many CPUs and how much memory a node is to have. The cloud decides
whether it has a machine of that kind.

Sources: Google, "Create a VM with a custom machine type" (the name's form, and ``machineType`` as a
partial URL); KubeVirt, "Resources requests and limits"; CloudSigma API 2.0, "Servers"; Kamatera,
"Server options". The table in the README is generated from :data:`FORMS`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.patterns import Pattern

_DRIVERS: Final = "libcloud.compute.drivers."

Make = Callable[[Any, str, "re.Match[str]"], Any | None]
"""A function that makes a size from a driver, an id and the id's match; None if the driver cannot.
"""


@dataclass(frozen=True, slots=True)
class Form:
    """Form of the ids of composed sizes at one provider.

    Attributes:
        words: the form, as text for people; capital letters stand for amounts and names.
        example: one id.
        meaning: the meaning of the amounts, as text for people.
        pattern: the pattern that matches the whole id.
        make: the function that makes the size.
    """

    words: str
    example: str
    meaning: str
    pattern: Pattern
    make: Make


def composed(driver: Any, wanted: str) -> Any | None:
    """Return the Libcloud size that an id composes; None if it composes none.

    Args:
        driver: the Libcloud driver object.
        wanted: the size's id, as the caller sent it.
    """
    form = form_of(driver)
    match = None if form is None else form.pattern.fullmatch(wanted)
    return None if form is None or match is None else form.make(driver, wanted, match)


def form_of(driver: Any) -> Form | None:
    """Return the form of composed sizes at a driver's provider; None if there are none."""
    driver_class = driver if isinstance(driver, type) else type(driver)
    if any(cls.__name__ in _WITHOUT for cls in driver_class.__mro__):
        return None
    known = modules(driver_class)
    return next((form for name, form in FORMS.items() if _DRIVERS + name in known), None)


def _google(driver: Any, wanted: str, match: re.Match[str]) -> Any | None:
    zone = getattr(driver, "zone", None)
    if zone is None:
        return None
    cpus = match["cpus"]
    # The driver sends only this link of a size, and the link may be a partial URL.
    link = f"zones/{zone.name}/machineTypes/{wanted}"
    extra: dict[str, Any] = {"selfLink": link}
    if cpus.isdecimal():
        extra["guestCpus"] = int(cpus)
    return _size(driver, wanted, int(match["mb"]), None, extra)


def _kubevirt(driver: Any, wanted: str, match: re.Match[str]) -> Any:
    return _size(driver, wanted, int(match["mb"]), None, {"cpu": int(match["cpus"])})


def _outscale(driver: Any, wanted: str, match: re.Match[str]) -> Any:
    # OUTSCALE counts memory in GiB. The other types are Amazon's, whose amounts only it knows.
    if match["cpus"] is None:
        return _size(driver, wanted, None, None, {})
    return _size(driver, wanted, int(match["gib"]) * 1024, None, {"cpu": int(match["cpus"])})


def _vsphere(driver: Any, wanted: str, match: re.Match[str]) -> Any:
    return _size(driver, wanted, int(match["mb"]), None, {"cpu": int(match["cpus"])})


def _cloudsigma(driver: Any, wanted: str, match: re.Match[str]) -> Any:
    size = _size(driver, wanted, int(match["mb"]), int(match["gb"]), {})
    size.cpu = int(match["cpus"])
    return size


def _kamatera(driver: Any, wanted: str, match: re.Match[str]) -> Any:
    return driver.ex_get_size(
        int(match["mb"]),
        int(match["gb"]),
        match["kind"],
        int(match["cpus"]),
        monthlyTrafficPackage=match["traffic"],
        id=wanted,
    )


def _size(
    driver: Any, size_id: str, ram: int | None, disk: int | None, extra: dict[str, Any]
) -> Any:
    base = importlib.import_module("libcloud.compute.base")
    return base.NodeSize(
        size_id, size_id, ram, disk, bandwidth=None, price=None, driver=driver, extra=extra
    )


_AMOUNT: Final = r"[1-9][0-9]{0,8}"
_WITHOUT: Final = frozenset({"CloudSigma_1_0_NodeDriver"})
"""Classes of those modules that count CPUs in another unit."""

FORMS: Final[dict[str, Form]] = {
    "cloudsigma": Form(
        "`custom-CPUS-MB-GB`",
        "`custom-2-4096-20`",
        "cores of 2 GHz, memory in MB, disk in GB (API 2.0)",
        Pattern(rf"custom-(?P<cpus>{_AMOUNT})-(?P<mb>{_AMOUNT})-(?P<gb>{_AMOUNT})"),
        _cloudsigma,
    ),
    "gce": Form(
        "`[FAMILY-]custom-CPUS-MB[-ext]`",
        "`custom-4-8192`, `e2-custom-2-4096`, `e2-custom-small-2048`, `n2-custom-4-8192-ext`",
        "vCPUs or the name of a shared vCPU, memory in MB; N1 without a family; the settings must "
        "name the zone (`region`)",
        Pattern(
            r"(?:[a-z][a-z0-9]*-)?custom-"
            rf"(?P<cpus>{_AMOUNT}|micro|small|medium)-(?P<mb>{_AMOUNT})(?:-[a-z0-9]+)*"
        ),
        _google,
    ),
    "kamatera": Form(
        "`CPUSTYPE-MBMB-GBGB[-TRAFFIC]`",
        "`2B-4096MB-50GB`, `4A-8192MB-100GB-t5000`",
        "CPUs and the letter of their type, memory in MB, disk in GB, traffic package",
        Pattern(
            rf"(?P<cpus>{_AMOUNT})(?P<kind>[A-Z])-(?P<mb>{_AMOUNT})MB-(?P<gb>{_AMOUNT})GB"
            r"(?:-(?P<traffic>[A-Za-z0-9]{1,32}))?"
        ),
        _kamatera,
    ),
    "kubevirt": Form(
        "`custom-CPUS-MB`",
        "`custom-2-4096`",
        "vCPUs and memory in MiB, as request and limit of the VM; the list has only the sizes of "
        "existing VMs",
        Pattern(rf"custom-(?P<cpus>{_AMOUNT})-(?P<mb>{_AMOUNT})"),
        _kubevirt,
    ),
    "outscale": Form(
        "`tinavN.cCPUSrGIBpLEVEL`, or the name of another VM type",
        "`tinav5.c2r4p1`, `t2.small`",
        "generation of the CPU, vCPUs, memory in GiB, level of performance; Libcloud has no list",
        Pattern(
            rf"tinav[0-9]+\.c(?P<cpus>{_AMOUNT})r(?P<gib>{_AMOUNT})(?:p[1-3])?"
            r"|[a-z][a-z0-9-]*\.[a-z0-9]+"
        ),
        _outscale,
    ),
    "vsphere": Form(
        "`custom-CPUS-MB`",
        "`custom-2-4096`",
        "vCPUs and memory in MB; the disk is the template's",
        Pattern(rf"custom-(?P<cpus>{_AMOUNT})-(?P<mb>{_AMOUNT})"),
        _vsphere,
    ),
}
"""A driver's module to the form of its composed sizes."""
