"""One caller's change of one cloud, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.model import AssignmentResult, CloudDescription, JsonObject, Node

MORE: Final = ("assignment", "generation", "lease_expires_at")
"""What the answer to an assign or a renewal has beside the backend's, where there is a ledger."""


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What a caller wants started; image and size by their ids."""

    name: str
    image: str
    size: str
    keyname: str | None = None
    metadata: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class VmReference:
    """The VM that a caller means, by the cloud's id of it, by its name or by both."""

    node: str | None = None
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class AssignOrder:
    """Whom a caller wants to hold a VM.

    Attributes:
        lease: seconds after which the VM is taken back by itself; None for never.
    """

    vm: VmReference
    user: str
    vm_type: str
    lease: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What every kind of change needs to know.

    Attributes:
        permit: of :meth:`InFlight.run`; asked just before the first step that changes
            anything.
        hints: what the caller wants the cloud's driver to know.
        recorded: told of the operation as soon as it is recorded, if somebody waits for that.
    """

    cloud: Cloud
    permit: Permit
    requester: Requester
    hints: Mapping[str, str] = field(default_factory=lambda: NO_HINTS)
    recorded: asyncio.Future[Operation] | None = None

    def tell(self, operation: Operation) -> None:
        """Let who waits for it know that the operation is recorded."""
        if self.recorded is not None and not self.recorded.done():
            self.recorded.set_result(operation)


@dataclass(frozen=True, slots=True)
class Started:
    """A VM that was started, and the cloud that it is in."""

    cloud: CloudDescription
    node: Node
    operation: Operation | None = None

    @property
    def node_id(self) -> str:
        """The VM."""
        return self.node.id

    @property
    def told(self) -> Node:
        """What extensions see of it."""
        return replace(self.node, secrets={})


@dataclass(frozen=True, slots=True)
class Acted:
    """A VM that something was done to.

    Attributes:
        done: what was done to it, as in "Node 7 rebooted".
    """

    node_id: str
    done: str
    operation: Operation | None = None

    @property
    def told(self) -> None:
        """What extensions see of it: that it was done."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A VM that was given to somebody, or taken back.

    Attributes:
        result: the backend's answer.
        more: what the answer says beside it, by key.
    """

    result: AssignmentResult
    operation: Operation | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def node_id(self) -> str:
        """The VM."""
        return self.result.id_vm

    @property
    def told(self) -> AssignmentResult:
        """What extensions see of it."""
        return self.result


Made = Started | Acted | Assigned
"""What comes of a change."""
