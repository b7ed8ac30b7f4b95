"""The registry of the kinds of operation: steps, deadlines, and the answers that callers get.

It imports no SQLAlchemy: a server without a database names kinds, too. The code that carries on
with recorded operations is bound to the kinds in :mod:`orchestrator_core.broker.handlers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from orchestrator_core.broker.operations.change import MORE, Acted, Assigned, Made, Started
from orchestrator_core.broker.operations.operation import Draft, Operation, Requester
from orchestrator_core.broker.states import Step
from orchestrator_core.model import (
    AssignmentResult,
    CloudDescription,
    JsonObject,
    Node,
    NodeState,
)

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What the core knows of one kind of operation.

    A server acquires only operations whose kind and step stand in its own registry. To change
    what a kind does so that servers of an earlier version must not carry on with it, give it a
    new step: they leave operations at that step to a server that knows it.

    Attributes:
        name: the hook's name, or that of what the core does by itself.
        summary: what it does, in one line.
        steps: the steps that it may stand at; the first is the one that it is recorded with.
        deadline: seconds until it must have ended; 0 where it is done when it is recorded.
        made: the result that its caller gets, from the recorded answer.
        done: what has become of the VM where the answer says no more, as in "Node 7 rebooted".
    """

    name: str
    summary: str
    steps: tuple[Step, ...]
    deadline: float
    made: Callable[[Operation], Made]
    done: str = ""

    def draft(
        self, cloud: str, requester: Requester, parameters: JsonObject, node_id: str | None = None
    ) -> Draft:
        """Return an operation of this kind that is about to be recorded."""
        first, *_ = self.steps
        return Draft(self.name, cloud, first, requester, parameters, self.deadline, node_id)


def _started(operation: Operation) -> Started:
    answer = operation.result or {}
    node = {**answer["node"], "state": NodeState(answer["node"]["state"])}
    return Started(CloudDescription(**answer["cloud"]), Node(**node), operation)


def _acted(operation: Operation) -> Acted:
    assert operation.node_id is not None
    return Acted(operation.node_id, KINDS[operation.kind].done, operation)


def _assigned(operation: Operation) -> Assigned:
    answer = operation.result or {}
    more: dict[str, object] = {key: answer[key] for key in MORE if key in answer}
    result = AssignmentResult(answer["id"], answer["id_vm"], answer["result"])
    return Assigned(result, operation, more)


def _released(operation: Operation) -> Assigned:
    answer = operation.result or {}
    deletion = answer["deletion"]
    text = f"{answer['result']} and {'deleted' if deletion == 'done' else 'deletion pending'}"
    result = AssignmentResult(answer["id"], answer["id_vm"], text)
    return Assigned(result, operation, {"deletion": deletion, "operation": operation.id})


START: Final = Kind("start_vm", "Start a VM, once.", (Step.START,), DAY, _started)
STOP: Final = Kind(
    "stop_vm",
    "Destroy a VM until its cloud confirms that it is gone.",
    (Step.DESTROY, Step.CONFIRM),
    7 * DAY,
    _acted,
    "deleted",
)
REBOOT: Final = Kind("reboot_vm", "Reboot a VM, once.", (Step.POWER,), 3600.0, _acted, "rebooted")
POWER_ON: Final = Kind(
    "power_on_vm", "Switch a VM on, once.", (Step.POWER,), 3600.0, _acted, "powered on"
)
POWER_OFF: Final = Kind(
    "power_off_vm", "Switch a VM off, once.", (Step.POWER,), 3600.0, _acted, "powered off"
)
ASSIGN: Final = Kind(
    "assign_vm", "Assign a VM to a user and an application.", (Step.ASSIGN,), DAY, _assigned
)
RENEW: Final = Kind("renew_vm", "Let a lease end at another time.", (Step.ASSIGN,), 0.0, _assigned)
RELEASE: Final = Kind(
    "release_vm",
    "Take a VM back from its user, then destroy it.",
    (Step.RELEASE, Step.DESTROY, Step.CONFIRM),
    7 * DAY,
    _released,
)
ADOPT: Final = Kind(
    "adopt_vm",
    "Take a VM that was started elsewhere for one of this installation's own.",
    (Step.ADOPT,),
    0.0,
    _acted,
    "adopted",
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (START, STOP, REBOOT, POWER_ON, POWER_OFF, ASSIGN, RENEW, RELEASE, ADOPT)
    }
)
"""Every kind by its name, in the order in which pages list them."""

KNOWN_STEPS: Final = frozenset((kind.name, step) for kind in KINDS.values() for step in kind.steps)
"""The kinds with their steps that this server can carry on with."""
