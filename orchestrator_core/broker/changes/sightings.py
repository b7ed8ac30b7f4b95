"""The states in which an operation saw its VM after requesting the deletion.

A deletion that was accepted but not carried out is requested again. If a person has switched the
VM on again in the meantime, no operation acts on the VM without a new order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orchestrator_core.broker.changes.absence import STILL_THERE
from orchestrator_core.broker.operations.operation import Attempt, AttemptOutcome, Operation
from orchestrator_core.broker.states import Step
from orchestrator_core.model import Node, NodeState

CHANGED: Final = "state_changed"
"""Error code of an operation that is paused because a person has changed its VM."""

_OFF: Final = frozenset({NodeState.STOPPED, NodeState.SUSPENDED, NodeState.PAUSED})
_ON: Final = frozenset(
    {
        NodeState.RUNNING,
        NodeState.STARTING,
        NodeState.REBOOTING,
        NodeState.NORMAL,
        NodeState.MIGRATING,
    }
)
_SAID: Final = re.compile(r"Node .* is still there \((\w+)\)")


def describe(node: Node) -> str:
    """Return the sentence that is stored with an attempt; :func:`of` parses it."""
    return f"Node {node.id} is still there ({node.state.value})"


def of(attempts: Sequence[Attempt]) -> list[NodeState]:
    """Return the states that attempts have seen, oldest first, since an operator's last decision.

    Args:
        attempts: the attempts of one operation, in order.
    """
    states: list[NodeState] = []
    for attempt in attempts:
        if attempt.error_code == CHANGED:
            states = []  # Paused with this reason; an operator then had it retried.
        found = _SAID.match(attempt.error_message or "")
        if found is not None and attempt.error_code != CHANGED:
            states.append(NodeState(found[1]))
    return states


def was_asked(attempts: Sequence[Attempt]) -> bool:
    """Return whether one of these attempts may have requested the deletion from the cloud."""
    return any(
        attempt.step == Step.CONFIRM or (attempt.step == Step.DESTROY and _may_have_asked(attempt))
        for attempt in attempts
    )


def _may_have_asked(attempt: Attempt) -> bool:
    return attempt.outcome != AttemptOutcome.ERROR or attempt.error_code == STILL_THERE


def was_accepted(attempts: Sequence[Attempt]) -> bool:
    """Return whether the cloud accepted the deletion in one of these attempts."""
    return any(
        attempt.step == Step.CONFIRM
        or (attempt.step == Step.DESTROY and attempt.outcome == AttemptOutcome.OK)
        for attempt in attempts
    )


def is_revived(states: Sequence[NodeState]) -> bool:
    """Return whether a VM that was off is on again; only a person does that, not a deletion."""
    off = next((at for at, state in enumerate(states) if state in _OFF), None)
    return off is not None and any(state in _ON for state in states[off:])


def is_unchanged(states: Sequence[NodeState]) -> bool:
    """Return whether a VM stayed on, or stayed off, in all the states seen.

    Transitional states and error states do not count.
    """
    return not (any(s in _ON for s in states) and any(s in _OFF for s in states))


def explain(operation: Operation, node: Node) -> str:
    """Return the reason why an operation is paused, and what a person can do."""
    return (
        f"Node {operation.node_id} was switched off and is {node.state.value} again: it was "
        "changed after its deletion was requested, and is kept. Retry the operation to destroy it, "
        "or abandon the operation"
    )
