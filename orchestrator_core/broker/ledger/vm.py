"""Data classes of the ledger: VMs, assignments, claims and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator_core.broker.operations.operation import Requester
from orchestrator_core.broker.states import AssignmentState
from orchestrator_core.model import AssignRequest, JsonObject


class VmOrigin(StrEnum):
    """The way in which a VM became known to the ledger."""

    STARTED = "started"
    ADOPTED = "adopted"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class VmKey:
    """A VM's cloud and the cloud's id for it; ``name`` is None if it is not known."""

    cloud: str
    node_id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One row of ``assignments``. Times are seconds since 1970 by the database's clock.

    Attributes:
        generation: The number of holders that the VM has had, this one included.
        result: The backend's answer; None before there is one.
        lease_expires_at: The time when the lease expires; None without a lease.
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
    created_at: float
    assigned_at: float | None
    ended_at: float | None
    end_reason: str | None
    lease_expires_at: float | None


@dataclass(frozen=True, slots=True)
class Holder:
    """The present holder of a VM.

    Attributes:
        assignment: The id of the assignment.
        lease_expires_at: In seconds since 1970; None without a lease.
    """

    assignment: str
    user: str
    vm_type: str
    generation: int
    lease_expires_at: float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A request to hold a VM.

    Attributes:
        wanted: The VM, the user and the application.
        backend: The name of the backend that assigns the VM.
        asked_at: The time when the backend was asked for the VM, by :func:`uptime`.
        state: The assignment's first state: active at once, or assigning until the backend agrees.
        result: The backend's answer if the backend was asked before.
        lease: The length of the lease in seconds; None for an assignment without a lease.
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
    """The cause of an assignment's change, for its history.

    Attributes:
        requester: The requester of the change; None if no caller requested it.
        operation_id: The operation that makes the change.
        reason: The event or the end reason, in one short word.
    """

    requester: Requester | None = None
    operation_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AssignmentEvent:
    """One event in an assignment's history."""

    at: float
    state: str
    caller: str | None
    request_id: str | None
    operation_id: str | None
    reason: str | None
