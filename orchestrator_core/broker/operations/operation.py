"""Data classes of operations: recorded changes of VMs, their requesters and their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.model import JsonObject
from orchestrator_core.state.identifiers import new_id

FINAL: Final = frozenset(
    {OperationState.SUCCEEDED, OperationState.FAILED, OperationState.ABANDONED}
)


TRACEPARENT: Final = "traceparent"
"""The name under which the parameters of an operation have the span of its request."""

_STEPS: Final = frozenset(Step)


@dataclass(frozen=True, slots=True)
class Requester:
    """The caller and the request that asked for a change.

    Attributes:
        caller: The caller's name.
        request_id: The id of the request.
        key: The request's Idempotency-Key, with the values that it is compared by.
        operation_id: The id for the operation if it was chosen before the operation is recorded.
        traceparent: The span of the request, as W3C Trace Context writes it, if it is traced.
    """

    caller: str
    request_id: str
    key: KeyUse | None = None
    operation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An Idempotency-Key in one request.

    Attributes:
        method: The request's method.
        path: The request's path.
        key: The caller's text.
        body_digest: The SHA-256 of the body, in hexadecimal.
        keep: The keep of the key, in seconds.
    """

    method: str
    path: str
    key: str
    body_digest: str
    keep: float


@dataclass(frozen=True, slots=True)
class Draft:
    """An operation that is about to be recorded.

    Attributes:
        kind: The name of the kind, for example ``start_vm``.
        deadline: The seconds until the operation must have ended.
    """

    kind: str
    cloud: str
    step: Step
    requester: Requester
    parameters: JsonObject
    deadline: float
    node_id: str | None = None
    assignment_id: str | None = None

    def named(self) -> Draft:
        """Return this draft with the id that the operation is recorded under."""
        if self.requester.operation_id is not None:
            return self
        return replace(self, requester=replace(self.requester, operation_id=new_id()))

    @property
    def recorded_parameters(self) -> JsonObject:
        """The parameters as they are recorded, with the span of the request if it is traced."""
        span = self.requester.traceparent
        return self.parameters if span is None else {**self.parameters, TRACEPARENT: span}

    @property
    def operation_id(self) -> str:
        """The id of the operation; only for a draft from :meth:`named`."""
        assert self.requester.operation_id is not None
        return self.requester.operation_id


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of ``operations``. Times are seconds since 1970 by the database's clock.

    Attributes:
        step: The step; a plain string if a server of a later version recorded a step that this
            server does not know.
        owner: The process that runs the operation now; None if none does.
        process: The process that ran the operation last.
    """

    id: str
    kind: str
    cloud: str
    state: OperationState
    step: Step | str
    unsettled: bool
    caller: str
    request_id: str
    parameters: Mapping[str, Any]
    node_id: str | None
    assignment_id: str | None
    result: Mapping[str, Any] | None
    error_code: str | None
    error_message: str | None
    owner: str | None
    process: str | None
    fence: int
    attempts: int
    created_at: float
    attempt_started_at: float | None
    next_attempt_at: float | None
    deadline_at: float
    answered_at: float | None
    finished_at: float | None

    @classmethod
    def of(cls, row: Any) -> Operation:
        """Return the operation of an SQLAlchemy row with all columns."""
        return cls.of_values(row._asdict())

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Operation:
        """Return the operation of a row's values, by column name.

        Raises:
            StateUnavailable: The row is damaged, or a newer version wrote it.
        """
        try:
            state = OperationState(values["state"])
        except ValueError as error:
            unreadable = StateUnavailable()
            unreadable.reason = f"operation {values['id']} in the database cannot be read: {error}"
            raise unreadable from None
        step = values["step"]
        known = Step(step) if step in _STEPS else step
        return cls(**{**values, "state": state, "step": known})

    @property
    def traceparent(self) -> str | None:
        """The span of the request that began the operation, if that request was traced."""
        found = self.parameters.get(TRACEPARENT)
        return found if isinstance(found, str) else None

    @property
    def final(self) -> bool:
        """Whether the operation has ended."""
        return self.state in FINAL


class AttemptOutcome(StrEnum):
    """The outcome of an attempt."""

    OK = "ok"
    ERROR = "error"
    UNKNOWN = "unknown"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of an operation that has ended, with its outcome."""

    number: int
    step: str
    process: str
    started_at: float
    ended_at: float
    outcome: str
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """The outcome of an attempt, and the next state of its operation.

    Attributes:
        after: The seconds until the next attempt, for a pending operation.
        answer: The answer to the caller; set once, at the attempt that the caller waits for.
    """

    state: OperationState
    step: Step | str
    unsettled: bool = False
    after: float = 0.0
    node_id: str | None = None
    answer: JsonObject | None = None
    error_code: str | None = None
    error_message: str | None = None
