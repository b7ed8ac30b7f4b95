"""The VM to start on a cloud: what the operator named, and the smallest that the cloud lists."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from orchestrator_core.broker.operations.start_order import StartOrder, start_order
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.errors import InvalidParameter, OrchestratorError
from orchestrator_core.model import Image, Size

PREFIX: Final = "orchestrator-check-"
"""The beginning of the name of every VM that the command starts."""

_MOST_IMAGES: Final = 100
"""Images among which the first one is taken; a longer list has images of strangers."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """A VM to start.

    Attributes:
        shown: the image and the size, for people.
    """

    cloud: Cloud
    order: StartOrder
    shown: str


async def make_plan(cloud: Cloud, fields: Mapping[str, Any], lifetime: float) -> Plan:
    """Return the VM to start on a cloud.

    Args:
        cloud: the cloud.
        fields: the fields that the operator gave.
        lifetime: the seconds after which a durable worker destroys the VM.

    Raises:
        OrchestratorError: nothing can be started there; the message says what is missing.
    """
    if cloud.failure:
        raise OrchestratorError(cloud.failure)
    for hook in ("start_vm", "stop_vm"):
        reason = await cloud.reason_against(hook)
        if reason is not None:
            raise OrchestratorError(f"the cloud does not support {hook}: {reason}")
    image = fields.get("image") or await _first_image(cloud)
    size = fields.get("size") or await _smallest_size(cloud)
    wanted = {
        **fields,
        "name": f"{PREFIX}{secrets.token_hex(4)}",
        "image": _id(image),
        "size": _id(size),
    }
    try:
        order = await start_order(cloud, wanted)
    except InvalidParameter as error:
        raise OrchestratorError(f"{error.message}; pass it as an option") from None
    shown = f"image {_shown(image)}, size {_shown(size)}"
    return Plan(cloud, replace(order, lifetime=lifetime), shown)


async def _first_image(cloud: Cloud) -> Image:
    found = await _listed(
        cloud, "list_images", lambda driver: driver.list_images(limit=_MOST_IMAGES + 1)
    )
    if not found:
        raise OrchestratorError("the cloud lists no image; pass --image")
    if len(found) > _MOST_IMAGES:
        raise OrchestratorError(
            f"the cloud lists more than {_MOST_IMAGES} images; pass --image with one of them"
        )
    return found[0]


async def _smallest_size(cloud: Cloud) -> Size:
    found = await _listed(cloud, "list_sizes", _sizes)
    if not found:
        raise OrchestratorError("the cloud lists no size; pass --size")
    return min(found, key=_extent)


def _sizes(driver: Driver) -> Sequence[Size]:
    sizes: Sequence[Size] = driver.read("list_sizes")
    return sizes


def _extent(size: Size) -> tuple[float, float, float]:
    values = (size.ram, size.disk, size.cpu)
    ram, disk, cpu = (math.inf if value is None else float(value) for value in values)
    return ram, disk, cpu


async def _listed(
    cloud: Cloud, operation: str, read: Callable[[Driver], Sequence[T]]
) -> Sequence[T]:
    reason = await cloud.reason_against(operation)
    if reason is not None:
        return []
    found, _attempts = await cloud.guard.call(
        operation, lambda hooks, deadline: read(Driver(hooks, deadline))
    )
    return found


def _id(named: str | Image | Size) -> str:
    return named if isinstance(named, str) else named.id


def _shown(named: str | Image | Size) -> str:
    return named if isinstance(named, str) else f"{named.name} ({named.id})"
