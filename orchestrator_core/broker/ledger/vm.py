"""A VM and an assignment as the ledger has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator_core.broker.operations.operation import Requester
from orchestrator_core.broker.states import AssignmentState
from orchestrator_core.model import AssignRequest, JsonObject


class VmOrigin(StrEnum):
    """How a VM came to be known."""

    STARTED = "started"
    ADOPTED = "adopted"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class VmKey:
    """A VM by its cloud and the cloud's id of it; ``name`` where it is known."""

    cloud: str
    node_id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One row of ``assignments``. Times are seconds since 1970 by the database's clock.

    Attributes:
        generation: how many holders the VM has had, this one included.
        result: the backend's answer, once there is one.
        lease_expires_at: when the VM is taken back by itself; None without a lease.
    """

    id: str
    vm_id: int
    cloud: str
    node_id: str
    hostname: str | None
    user: str
    vm_type: str
    caller: str
    backend: str
    generation: int
    state: str
    result: Mapping[str, Any] | None
    made_at: float
    assigned_at: float | None
    ended_at: float | None
    end_reason: str | None
    lease_expires_at: float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody wants to hold.

    Attributes:
        wanted: the VM, the user and the application.
        backend: the name of the backend that assigns it.
        asked_at: when the backend was asked for the VM, by :func:`uptime`.
        state: of the assignment: active at once, or only after the backend has agreed.
        result: the backend's answer, where it was asked before.
        lease: seconds after which the VM is taken back by itself; None for never.
    """

    wanted: AssignRequest
    backend: str
    requester: Requester
    asked_at: float
    state: AssignmentState
    result: JsonObject | None = None
    lease: float | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens to an assignment, for its history.

    Attributes:
        requester: who wants it; None when it is nobody's wish.
        operation_id: the operation that it happens in.
        why: what happened or why it ends, one short word.
    """

    requester: Requester | None = None
    operation_id: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class AssignmentEvent:
    """One thing that happened to an assignment."""

    at: float
    state: str
    caller: str | None
    request_id: str | None
    operation_id: str | None
    why: str | None
