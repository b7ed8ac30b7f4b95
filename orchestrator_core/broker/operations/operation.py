"""An operation: one change of a VM, from the moment it is recorded to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.model import JsonObject
from orchestrator_core.state.identifiers import new_id

FINAL: Final = frozenset(
    {OperationState.SUCCEEDED, OperationState.FAILED, OperationState.ABANDONED}
)


_STEPS: Final = frozenset(Step)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked for a change.

    Attributes:
        caller: the caller's name.
        request_id: of the request.
        key: the Idempotency-Key, with what it goes by.
        operation_id: what the change is recorded as, where somebody was told of it before.
    """

    caller: str
    request_id: str
    key: KeyUse | None = None
    operation_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An Idempotency-Key in one request.

    Attributes:
        method: the request's.
        path: the request's.
        key: the caller's text.
        body_digest: SHA-256 of the body, in hexadecimal.
        keep: seconds that it is kept.
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
        kind: the hook's name, ``start_vm`` say.
        deadline: seconds until it must have ended.
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
        """Return the same with the id that it is to be recorded under."""
        if self.requester.operation_id is not None:
            return self
        return replace(self, requester=replace(self.requester, operation_id=new_id()))

    @property
    def operation_id(self) -> str:
        """The id of one that is :meth:`named`."""
        assert self.requester.operation_id is not None
        return self.requester.operation_id


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of ``operations``. Times are seconds since 1970 by the database's clock.

    Attributes:
        step: a plain text where a server of a later version has recorded a step that this one
            does not know.
        owner: the process that runs it now.
        process: the one that ran it last.
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
    generation: int
    attempts: int
    made_at: float
    attempt_began_at: float | None
    next_attempt_at: float | None
    deadline_at: float
    answered_at: float | None
    finished_at: float | None

    @classmethod
    def of(cls, row: Any) -> Operation:
        """Make it of a row of SQLAlchemy with all columns."""
        return cls.of_values(row._asdict())

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Operation:
        """Make it of all columns by their names.

        Raises:
            StateUnavailable: when the row is damaged, or was written by a newer version.
        """
        try:
            state = OperationState(values["state"])
        except ValueError as error:
            unreadable = StateUnavailable()
            unreadable.why = f"operation {values['id']} in the database cannot be read: {error}"
            raise unreadable from None
        step = values["step"]
        known = Step(step) if step in _STEPS else step
        return cls(**{**values, "state": state, "step": known})

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt."""

    number: int
    step: str
    process: str
    began_at: float
    ended_at: float
    outcome: str
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What an attempt has come to, and what becomes of its operation now.

    Attributes:
        after: seconds until the next attempt; for what stays pending.
        answer: what the caller is told; set once, at the attempt that the caller waits for.
    """

    state: OperationState
    step: Step | str
    unsettled: bool = False
    after: float = 0.0
    node_id: str | None = None
    answer: JsonObject | None = None
    error_code: str | None = None
    error_message: str | None = None
