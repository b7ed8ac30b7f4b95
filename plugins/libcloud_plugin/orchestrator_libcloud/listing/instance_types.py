"""EC2's instance types, requested from the cloud itself: DescribeInstanceTypes.

Libcloud's own table lacks hundreds of them and whole regions. The table is used only if the
cloud does not answer: without the permission ``ec2:DescribeInstanceTypes``, or on an EC2-compatible
cloud that has no such action.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import Any, Final

from orchestrator_core import SizeNotFound
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.paging.paging import ListStopped
from orchestrator_libcloud.patterns import Pattern

_log = logging.getLogger(__name__)

_MODULE: Final = "libcloud.compute.drivers.ec2"
_OWN_LIST: Final = frozenset({"EucNodeDriver", "NimbusNodeDriver", "OutscaleNodeDriver"})
"""EC2-like drivers with their own list: their clouds answer differently or not at all."""

_CODE: Final = Pattern(r"[A-Za-z][\w.]*(?=:|\Z)")
_DENIED: Final = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_NO_ACTION: Final = frozenset(
    {
        "InvalidAction",
        "UnknownAction",
        "UnsupportedOperation",
        "Unsupported",
        "NotImplemented",
        "ActionNotSupported",
    }
)
_NO_SIZE: Final = frozenset({"InvalidInstanceType", "InvalidParameterValue"})
_reported: set[tuple[str, str]] = set()


def can_ask(driver: Any) -> bool:
    """Return whether a driver's cloud may list its instance types itself."""
    classes = [cls for cls in type(driver).__mro__ if cls.__module__ == _MODULE]
    return bool(classes) and _OWN_LIST.isdisjoint(cls.__name__ for cls in classes)


def list_sizes(driver: Any) -> list[Any]:
    """Return the sizes of an EC2 driver's cloud; one page of them for each answer of the pager.

    Call this as a list of :data:`~orchestrator_libcloud.listing.provider_lists.LISTS`, whose pager
    stands in front of the driver's requests. For a driver whose cloud has no such action, return
    the driver's own list.
    """
    if not can_ask(driver):
        return list(driver.list_sizes())
    try:
        return list(_ask(driver))
    except ListStopped as stopped:
        if not _report(stopped.error):
            raise
        return _table(driver)


def find_size(driver: Any, wanted: str) -> Any | None:
    """Return one size by its name with one request; None if only the table can answer.

    Raises:
        SizeNotFound: the cloud says that there is no such size.
    """
    try:
        found = list(_ask(driver, wanted))
    except Exception as error:
        if _code(error) in _NO_SIZE:
            raise SizeNotFound(f"There is no size {wanted!r}") from error
        if not _report(error):
            raise
        return next((size for size in _table(driver) if size.id == wanted), None)
    for size in found:
        if size.id == wanted:
            return size
    raise SizeNotFound(f"There is no size {wanted!r}")


def _ask(driver: Any, *wanted: str) -> Iterator[Any]:
    names = {f"InstanceType.{number}": name for number, name in enumerate(wanted, 1)}
    parameters = {"Action": "DescribeInstanceTypes", **names}
    answer = driver.connection.request(driver.path, params=parameters).object
    yield from (_size(driver, item) for item in _children(answer, "instanceTypeSet"))


def _size(driver: Any, item: Any) -> Any:
    name = _text(item, "instanceType") or ""
    architectures = [one.text for one in _children(item, "processorInfo", "supportedArchitectures")]
    extra = {
        "instanceType": name,
        "vcpu": _whole(_text(item, "vCpuInfo", "defaultVCpus")),
        "processorArchitectures": architectures,
        "currentGeneration": _text(item, "currentGeneration") == "true",
        "bareMetal": _text(item, "bareMetal") == "true",
        "networkPerformance": _text(item, "networkInfo", "networkPerformance"),
    }
    return _node_size(
        driver,
        id=name,
        name=name,
        ram=_whole(_text(item, "memoryInfo", "sizeInMiB")),
        # A type without its own disks has no such element; its root disk is the image's.
        disk=_whole(_text(item, "instanceStorageInfo", "totalSizeInGB")) or 0,
        extra=extra,
    )


def _table(driver: Any) -> list[Any]:
    """Return Libcloud's table for the driver's region; the whole table if the region is not in it.

    Prices are left out: they are not shown, and Libcloud would read 4.5 MB of JSON for them.
    """
    types = importlib.import_module("libcloud.compute.constants.ec2_instance_types")
    regions = importlib.import_module("libcloud.compute.constants.ec2_region_details_complete")
    known = types.INSTANCE_TYPES
    details = regions.REGION_DETAILS.get(driver.region_name, {})
    names = details.get("instance_types") or sorted(known)
    rows = (known[name] for name in names if name in known)
    return [
        _node_size(
            driver,
            id=row["id"],
            name=row["name"],
            ram=row["ram"],
            disk=row["disk"],
            extra=dict(row.get("extra", {})),
        )
        for row in rows
    ]


def _node_size(driver: Any, **given: Any) -> Any:
    base = importlib.import_module("libcloud.compute.base")
    return base.NodeSize(bandwidth=None, price=None, driver=driver, **given)


def _report(error: Exception) -> bool:
    """Return whether the table is used after this error; log the reason, once for each cloud."""
    code = _code(error)
    if code in _DENIED:
        why = "the credentials lack the permission ec2:DescribeInstanceTypes"
    elif code in _NO_ACTION:
        why = "it has no action DescribeInstanceTypes"
    else:
        return False
    call = current()
    cloud = call.terms.cloud if call is not None else "?"
    if (cloud, code) not in _reported:
        _reported.add((cloud, code))
        _log.warning(
            "Cloud %s does not list its instance types (%s): sizes come from Libcloud's table, "
            "which may be out of date, and other instance types are passed on as they are",
            cloud,
            why,
        )
    return True


def _code(error: Exception) -> str:
    """Return Amazon's code, which Libcloud's driver puts before the text."""
    found = _CODE.match(str(getattr(error, "message", None) or (error.args or ("",))[0]))
    return found[0] if found else ""


def _children(element: Any, *path: str) -> Iterator[Any]:
    """Yield the children of the element at a path; Amazon's namespace differs by version."""
    for name in path:
        element = element.find(f"{{*}}{name}")
        if element is None:
            return
    yield from element


def _text(element: Any, *path: str) -> str | None:
    for name in path:
        element = element.find(f"{{*}}{name}")
        if element is None:
            return None
    text: str | None = element.text
    return text


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None
