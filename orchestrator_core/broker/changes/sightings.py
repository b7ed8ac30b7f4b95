"""The states in which an operation saw its VM after it had asked for the deletion.

A deletion that was accepted and not done is asked for again. But a person may have switched the VM
on again in the meantime: then it is theirs, and no operation acts on it without another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orchestrator_core.broker.changes.absence import STILL_THERE
from orchestrator_core.broker.operations.operation import Attempt, Operation
from orchestrator_core.broker.states import Step
from orchestrator_core.model import Node, NodeState

CHANGED: Final = "state_changed"
"""How an operation is paused whose VM a person has changed."""

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
    """Return the sentence that an attempt's row keeps; :func:`of` reads it again."""
    return f"Node {node.id} is still there ({node.state.value})"


def of(attempts: Sequence[Attempt]) -> list[NodeState]:
    """Return the states that attempts have seen, oldest first, since an operator last decided.

    Args:
        attempts: of one operation, in their order.
    """
    states: list[NodeState] = []
    for attempt in attempts:
        if attempt.error_code == CHANGED:
            states = []  # it was paused with this reason, and an operator had it tried again
        found = _SAID.match(attempt.error_message or "")
        if found is not None and attempt.error_code != CHANGED:
            states.append(NodeState(found[1]))
    return states


def was_asked(attempts: Sequence[Attempt]) -> bool:
    """Return whether the cloud may have been asked for the deletion in one of these attempts."""
    return any(
        attempt.step == Step.CONFIRM or (attempt.step == Step.DESTROY and _may_have_asked(attempt))
        for attempt in attempts
    )


def _may_have_asked(attempt: Attempt) -> bool:
    return attempt.outcome in ("ok", "unknown", "lost") or attempt.error_code == STILL_THERE


def was_accepted(attempts: Sequence[Attempt]) -> bool:
    """Return whether the cloud accepted the deletion in one of these attempts."""
    return any(
        attempt.step == Step.CONFIRM or (attempt.step == Step.DESTROY and attempt.outcome == "ok")
        for attempt in attempts
    )


def is_revived(states: Sequence[NodeState]) -> bool:
    """Return whether a VM that was off is on again: a deletion does not do that, a person does."""
    off = next((at for at, state in enumerate(states) if state in _OFF), None)
    return off is not None and any(state in _ON for state in states[off:])


def is_unchanged(states: Sequence[NodeState]) -> bool:
    """Return whether a VM stayed on, or stayed off, in all that was seen of it.

    States on the way from one to the other, and errors, tell nothing.
    """
    return not (any(s in _ON for s in states) and any(s in _OFF for s in states))


def explain(operation: Operation, node: Node) -> str:
    """Return why an operation is paused, and what a person can do."""
    return (
        f"Node {operation.node_id} was switched off and is {node.state.value} again: it was "
        "changed after its deletion was asked for, and is left alone. Retry the operation to "
        "destroy it, or abandon the operation"
    )
