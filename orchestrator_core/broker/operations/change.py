"""Data classes for a caller's change of a cloud and for its result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.model import AssignmentResult, CloudDescription, Image, JsonObject, Node

NO_ARGUMENTS: Final[Mapping[str, Any]] = MappingProxyType({})

MORE: Final = ("assignment", "generation", "lease_expires_at")
"""Keys that a ledger adds to the backend's answer to an assign or a renewal."""


@dataclass(frozen=True, slots=True)
class VmReference:
    """A caller's reference to a VM: the cloud's id of the VM, the VM's name, or both."""

    node: str | None = None
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class AssignOrder:
    """A caller's request to assign a VM to a user.

    Attributes:
        lease: The length of the lease in seconds; None for an assignment without a lease.
    """

    vm: VmReference
    user: str
    vm_type: str
    lease: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The context that every kind of change needs.

    Attributes:
        permit: The permit of :meth:`InFlight.run`; checked just before the first step that
            changes anything.
        hints: The caller's hints for the cloud's driver.
        recorded: The future that gets the operation as soon as it is recorded; None if no request
            waits for it.
    """

    cloud: Cloud
    permit: Permit
    requester: Requester
    hints: Mapping[str, str] = field(default_factory=lambda: NO_HINTS)
    recorded: asyncio.Future[Operation] | None = None

    def notify_recorded(self, operation: Operation) -> None:
        """Pass the recorded operation to the request that waits for it."""
        if self.recorded is not None and not self.recorded.done():
            self.recorded.set_result(operation)


@dataclass(frozen=True, slots=True)
class Started:
    """The result of a start: the VM and its cloud.

    Attributes:
        reached: how far the VM has come; None if its caller did not wait for more than acceptance.
    """

    cloud: CloudDescription
    node: Node
    operation: Operation | None = None
    reached: str | None = None

    @property
    def node_id(self) -> str:
        """The id of the VM."""
        return self.node.id

    @property
    def for_extensions(self) -> Node:
        """The result as extensions see it, without secrets."""
        return replace(self.node, secrets={})


@dataclass(frozen=True, slots=True)
class Acted:
    """The result of a stop, a reboot or another action on a VM.

    Attributes:
        done: The word for the action in an answer of version 1, as in "Node 7 rebooted".
        is_pending: Whether the cloud still works on the change, so that the operation goes on.
    """

    node_id: str
    done: str
    operation: Operation | None = None
    is_pending: bool = False

    @property
    def recorded(self) -> JsonObject:
        """The answer as it is recorded with the operation."""
        return {"node_id": self.node_id}

    @property
    def for_extensions(self) -> None:
        """None: extensions see only that the change was made."""


@dataclass(frozen=True, slots=True)
class ImageMade:
    """The result of making an image of a VM: the image and its cloud."""

    cloud: CloudDescription
    image: Image
    node_id: str
    operation: Operation | None = None

    @property
    def recorded(self) -> JsonObject:
        """The answer as it is recorded with the operation."""
        cloud = {"provider": self.cloud.provider, "display_name": self.cloud.display_name}
        return {"cloud": cloud, "image": {"id": self.image.id, "name": self.image.name}}

    @property
    def for_extensions(self) -> Image:
        """The result as extensions see it."""
        return self.image


@dataclass(frozen=True, slots=True)
class Assigned:
    """The result of an assign, a renewal or a release.

    Attributes:
        result: The backend's answer.
        more: The additional entries of the answer, by key.
    """

    result: AssignmentResult
    operation: Operation | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def node_id(self) -> str:
        """The id of the VM."""
        return self.result.id_vm

    @property
    def for_extensions(self) -> AssignmentResult:
        """The result as extensions see it."""
        return self.result


Made = Started | Acted | ImageMade | Assigned
"""The result of a change."""
