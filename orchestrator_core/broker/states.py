"""The states of operations, VMs and assignments, and the transitions between them.

The statements that write a state take their conditions from this module, so that the database
refuses a transition that is not listed. The documentation page of the states is made from it, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


class OperationState(StrEnum):
    """The state of an operation."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"


class Step(StrEnum):
    """The step that an operation takes next, or took last."""

    START = "start"
    READY = "ready"
    DESTROY = "destroy"
    CONFIRM = "confirm"
    POWER = "power"
    RESIZE = "resize"
    FINISH = "finish"
    RENAME = "rename"
    IMAGE = "image"
    ASSIGN = "assign"
    RELEASE = "release"
    ADOPT = "adopt"
    IGNORE = "ignore"


class VmState(StrEnum):
    """The state of a VM in the ledger."""

    PRESENT = "present"
    RELEASING = "releasing"
    DESTROYING = "destroying"
    GONE = "gone"


class AssignmentState(StrEnum):
    """The state of an assignment."""

    ASSIGNING = "assigning"
    ACTIVE = "active"
    RELEASING = "releasing"
    ENDED = "ended"


class EndReason(StrEnum):
    """The reason for which an assignment has ended."""

    RELEASED = "released"
    EXPIRED = "expired"
    STOPPED = "stopped"
    ABANDONED = "abandoned"
    REFUSED = "refused"
    NOT_BEGUN = "not_begun"
    NOT_MADE = "not_made"


END_REASONS: Final[Mapping[EndReason, str]] = MappingProxyType(
    {
        EndReason.RELEASED: "a caller released it",
        EndReason.EXPIRED: "its lease expired",
        EndReason.STOPPED: "a caller had its VM destroyed",
        EndReason.ABANDONED: "an operator abandoned it",
        EndReason.REFUSED: "its backend refused it, or failed",
        EndReason.NOT_BEGUN: "the server stopped before it asked the backend",
        EndReason.NOT_MADE: "its backend shows that it was not made",
    }
)
"""The meanings of the reasons."""


@dataclass(frozen=True, slots=True)
class StateMachine(Generic[S]):
    """The states of one thing.

    Attributes:
        name: The name of the thing that has the states.
        states: Each state, with its meaning in one line.
        initial: The states that a new row may have.
        transitions: The reason for each legal transition, by first and second state. Writing the
            state that a row already has is not a transition, and is always legal.
    """

    name: str
    states: Mapping[S, str]
    initial: frozenset[S]
    transitions: Mapping[tuple[S, S], str]

    def sources(self, target: S) -> tuple[S, ...]:
        """Return the states from which a row may move to a state, including that state itself."""
        return tuple(one for one in self.states if self.allows(one, target))

    def allows(self, source: S, target: S) -> bool:
        """Return whether a row may move from one state to another."""
        return source == target or (source, target) in self.transitions

    def forbidden(self) -> Iterator[tuple[S, S]]:
        """Yield each pair of states between which there is no transition."""
        for source in self.states:
            for target in self.states:
                if not self.allows(source, target):
                    yield source, target


OPERATION: Final = StateMachine(
    "operation",
    MappingProxyType(
        {
            OperationState.PENDING: "The next attempt is due at next_attempt_at.",
            OperationState.RUNNING: "A process makes an attempt.",
            OperationState.PAUSED: "An operator has to retry or abandon it; error says why.",
            OperationState.SUCCEEDED: "The change was made.",
            OperationState.FAILED: "The change was refused, or was certainly not made.",
            OperationState.ABANDONED: "An operator has ended it; its effect is unknown.",
        }
    ),
    frozenset({OperationState.PENDING, OperationState.RUNNING, OperationState.SUCCEEDED}),
    MappingProxyType(
        {
            (OperationState.PENDING, OperationState.RUNNING): "a process acquires it",
            (OperationState.PENDING, OperationState.PAUSED): "no worker acquired it in time",
            (OperationState.PENDING, OperationState.ABANDONED): "an operator abandons it",
            (OperationState.RUNNING, OperationState.PENDING): "another attempt is needed",
            (
                OperationState.RUNNING,
                OperationState.PAUSED,
            ): "its outcome is unknown, or its deadline has passed",
            (OperationState.RUNNING, OperationState.SUCCEEDED): "the change was made",
            (OperationState.RUNNING, OperationState.FAILED): "the change was not made",
            (OperationState.PAUSED, OperationState.PENDING): "an operator retries it",
            (OperationState.PAUSED, OperationState.ABANDONED): "an operator abandons it",
        }
    ),
)

STEPS: Final[Mapping[Step, str]] = MappingProxyType(
    {
        Step.START: "Start the VM, or determine whether it was started.",
        Step.READY: "Wait until the VM runs, or has an address, as its caller asked.",
        Step.DESTROY: "Ask the cloud to destroy the VM.",
        Step.CONFIRM: "Wait until the cloud shows that the VM is gone.",
        Step.POWER: "Reboot the VM, or switch it on or off.",
        Step.RESIZE: "Resize the VM, or determine whether it was resized.",
        Step.FINISH: "Wait until the cloud has finished the resize, and confirm it.",
        Step.RENAME: "Rename the VM, or determine whether it was renamed.",
        Step.IMAGE: "Make an image of the VM.",
        Step.ASSIGN: "Assign the VM, or determine whether it was assigned.",
        Step.RELEASE: "Release the VM at its backend, or determine whether it was released.",
        Step.ADOPT: "Make the VM one of this installation's own.",
        Step.IGNORE: "Keep the orphan from every rule that destroys orphans.",
    }
)

VM: Final = StateMachine(
    "VM",
    MappingProxyType(
        {
            VmState.PRESENT: "It can be assigned.",
            VmState.RELEASING: "An operation releases it and then destroys it.",
            VmState.DESTROYING: "An operation destroys it.",
            VmState.GONE: "Its cloud has confirmed that it is gone.",
        }
    ),
    frozenset({VmState.PRESENT}),
    MappingProxyType(
        {
            (VmState.PRESENT, VmState.RELEASING): "a release, or the end of a lease, is recorded",
            (VmState.PRESENT, VmState.DESTROYING): "a stop is recorded",
            (VmState.PRESENT, VmState.GONE): "its cloud shows it as terminated",
            (VmState.RELEASING, VmState.PRESENT): "the release was refused or abandoned",
            (VmState.RELEASING, VmState.DESTROYING): "it is released",
            (VmState.RELEASING, VmState.GONE): "its cloud shows that it is gone",
            (VmState.DESTROYING, VmState.PRESENT): "the stop was refused or abandoned",
            (
                VmState.DESTROYING,
                VmState.RELEASING,
            ): "a stop during a release was refused",
            (VmState.DESTROYING, VmState.GONE): "its cloud has destroyed it",
        }
    ),
)

ASSIGNMENT: Final = StateMachine(
    "assignment",
    MappingProxyType(
        {
            AssignmentState.ASSIGNING: "The VM is claimed; the backend has not answered yet.",
            AssignmentState.ACTIVE: "The user holds the VM.",
            AssignmentState.RELEASING: "A release is in progress.",
            AssignmentState.ENDED: "It has ended; end_reason says why.",
        }
    ),
    frozenset({AssignmentState.ASSIGNING, AssignmentState.ACTIVE}),
    MappingProxyType(
        {
            (AssignmentState.ASSIGNING, AssignmentState.ACTIVE): "the backend has assigned the VM",
            (AssignmentState.ASSIGNING, AssignmentState.ENDED): "it was refused, or stopped",
            (AssignmentState.ACTIVE, AssignmentState.RELEASING): "a release, or the end of a lease",
            (AssignmentState.ACTIVE, AssignmentState.ENDED): "a stop of the VM is recorded",
            (AssignmentState.RELEASING, AssignmentState.ACTIVE): "the release was refused",
            (AssignmentState.RELEASING, AssignmentState.ENDED): "the VM is released",
            (AssignmentState.ENDED, AssignmentState.ASSIGNING): "the stop that ended it failed",
            (AssignmentState.ENDED, AssignmentState.ACTIVE): "the stop that ended it failed",
            (AssignmentState.ENDED, AssignmentState.RELEASING): "the stop that ended it failed",
        }
    ),
)
