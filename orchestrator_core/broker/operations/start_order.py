"""The VM that a caller wants to start, as it is recorded and as its cloud's plugin gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from orchestrator_core.clouds import start_fields
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.references import resolve
from orchestrator_core.model import JsonObject
from orchestrator_core.start_request import RootDisk, Spot, StartRequest, Volume

_SECRET: Final = ("metadata", "options")
"""Fields of which only the keys are recorded: callers and operators put passwords into them."""


LIFETIME: Final = "lifetime"
"""The name under which the parameters of a start have the lifetime of its VM."""


class WaitFor(StrEnum):
    """The stages of a started VM, in order, for which a caller can wait."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class StartOrder:
    """The VM that a caller wants to start.

    Attributes:
        image: the id or the name of the image.
        size: the id or the name of the size.
        fields: the optional fields as JSON, with the defaults of the cloud's settings and their
            secrets.
        wait_for: the state of the VM after which the caller gets the answer.
        lifetime: the seconds after its start at which the VM is destroyed; None for a VM that
            lives until a caller stops it.
    """

    name: str
    image: str
    size: str
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    wait_for: WaitFor = WaitFor.ACCEPTED
    lifetime: float | None = None

    @property
    def wants_public_ip(self) -> bool:
        """Whether the caller has asked for a public address."""
        return self.fields.get("public_ip") is True

    def parameters(self) -> JsonObject:
        """Return the values that are recorded with the operation, without secrets.

        Of user data only the length is recorded.
        """
        recorded = dict(self.fields)
        if "user_data" in recorded:
            recorded["user_data"] = {"bytes": len(recorded["user_data"].encode())}
        for name in _SECRET:
            if name in recorded:
                recorded[name] = dict.fromkeys(recorded[name])
        if self.wait_for is not WaitFor.ACCEPTED:
            recorded["wait_for"] = self.wait_for.value
        if self.lifetime is not None:
            recorded[LIFETIME] = self.lifetime
        return {"name": self.name, "image": self.image, "size": self.size, **recorded}

    def request(self, driver: Driver, marker: str | None) -> StartRequest:
        """Return the request for a driver, with everything that the order names looked up.

        Raises:
            ImageNotFound, SizeNotFound, InvalidParameter: for a name that fits nothing, or several
                things.
        """
        image = driver.find_image(self.image)
        size = driver.find_size(self.size)
        given = resolve(driver, self.fields)
        if "root_disk" in given:
            given["root_disk"] = RootDisk(**given["root_disk"])
        if "volumes" in given:
            given["volumes"] = [Volume(**volume) for volume in given["volumes"]]
        if "spot" in given:
            given["spot"] = Spot(**given["spot"])
        return StartRequest(self.name, image, size, marker, **given)


async def start_order(cloud: Cloud, wanted: Mapping[str, Any]) -> StartOrder:
    """Return the order for a start, with the defaults of the cloud's settings.

    Args:
        cloud: the cloud.
        wanted: the caller's ``name``, ``image`` and ``size``, and the given optional fields as
            JSON, and possibly ``wait_for``.

    Raises:
        InvalidParameter: for fields that the cloud does not take.
        OrchestratorError: when the cloud's plugin or a secret of a default cannot be used.
    """
    taken = await cloud.start_fields()
    if cloud.settings.start:
        # Defaults may be in files, which no event loop should wait for.
        fields = await cloud.guard.compute(
            lambda: start_fields.complete(cloud.settings, taken, wanted),
            cloud.guard.seconds("check"),
        )
    else:
        fields = start_fields.complete(cloud.settings, taken, wanted)
    wait_for = WaitFor(wanted.get("wait_for", WaitFor.ACCEPTED))
    return StartOrder(wanted["name"], wanted["image"], wanted["size"], fields, wait_for)
