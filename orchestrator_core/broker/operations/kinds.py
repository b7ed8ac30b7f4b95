"""The registry of the kinds of operation, with steps, deadlines and answers to callers.

This module does not import SQLAlchemy, because a server without a database needs it too. The
handlers that resume recorded operations are in :mod:`orchestrator_core.broker.handlers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from orchestrator_core.broker.operations.change import (
    MORE,
    Acted,
    Assigned,
    ImageMade,
    Made,
    Started,
)
from orchestrator_core.broker.operations.operation import Draft, Operation, Requester
from orchestrator_core.broker.operations.start_answer import node_of
from orchestrator_core.broker.states import Step
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.model import (
    AssignmentResult,
    CloudDescription,
    Image,
    JsonObject,
)

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation.

    A server acquires only operations whose kind and step are in its own registry. Add a new step
    to a kind when servers of an earlier version must not resume the changed operation. Those
    servers leave operations at the new step to servers that know it.

    Attributes:
        name: The hook's name, or the core's own name for an operation without a hook.
        summary: The description of the kind, in one line.
        steps: The steps that an operation of this kind may be at; it is recorded at the first.
        deadline: The seconds until the operation must have ended; 0 if it ends when recorded.
        made: The function that builds the caller's result from the recorded operation.
        done: The word for the action in an answer of version 1, as in "Node 7 rebooted"; empty for
            a kind that version 1 does not have.
        arguments: The function that turns the caller's arguments into those of the hook. It runs in
            the cloud's threads before the change begins, and may look things up.
        advice: What a person has to check after an attempt of unknown outcome.
    """

    name: str
    summary: str
    steps: tuple[Step, ...]
    deadline: float
    made: Callable[[Operation], Made]
    done: str = ""
    arguments: Callable[[Driver, Mapping[str, Any]], Mapping[str, Any]] = lambda _, given: given
    advice: str = "check the state of the node"

    def draft(
        self, cloud: str, requester: Requester, parameters: JsonObject, node_id: str | None = None
    ) -> Draft:
        """Return a draft of an operation of this kind."""
        first, *_ = self.steps
        return Draft(self.name, cloud, first, requester, parameters, self.deadline, node_id)


def started_by(operation: Operation) -> Started:
    """Return the result of a start that has an answer."""
    answer = operation.result or {}
    cloud = CloudDescription(**answer["cloud"])
    return Started(cloud, node_of(answer), operation, answer.get("reached"))


def _acted(operation: Operation) -> Acted:
    assert operation.node_id is not None
    kind = KINDS[operation.kind]
    is_pending = bool((operation.result or {}).get("pending"))
    return Acted(operation.node_id, kind.done, operation, is_pending)


def _image_made(operation: Operation) -> ImageMade:
    answer = operation.result or {}
    assert operation.node_id is not None
    cloud = CloudDescription(**answer["cloud"])
    return ImageMade(cloud, Image(**answer["image"]), operation.node_id, operation)


def _with_size(driver: Driver, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments with the size that the caller named by its id or its name.

    Raises:
        SizeNotFound, InvalidParameter: There is no such size, or several have the name.
    """
    return {**given, "size": driver.find_size(given["size"])}


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


START: Final = Kind("start_vm", "Start a VM, once.", (Step.START, Step.READY), DAY, started_by)
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
RESIZE: Final = Kind(
    "resize_vm",
    "Resize a VM, once, and confirm it if its cloud waits for that.",
    (Step.RESIZE, Step.FINISH),
    DAY,
    _acted,
    arguments=_with_size,
)
RENAME: Final = Kind("rename_vm", "Rename a VM, once.", (Step.RENAME,), 3600.0, _acted)
CREATE_IMAGE: Final = Kind(
    "create_image",
    "Make an image of a VM, once.",
    (Step.IMAGE,),
    3600.0,
    _image_made,
    advice="look for the image in the list of images before you make another",
)
ASSIGN: Final = Kind(
    "assign_vm", "Assign a VM to a user and an application.", (Step.ASSIGN,), DAY, _assigned
)
RENEW: Final = Kind("renew_vm", "Set a new end for a lease.", (Step.ASSIGN,), 0.0, _assigned)
RELEASE: Final = Kind(
    "release_vm",
    "Release a VM from its user, then destroy it.",
    (Step.RELEASE, Step.DESTROY, Step.CONFIRM),
    7 * DAY,
    _released,
)
ADOPT: Final = Kind(
    "adopt_vm",
    "Make a VM that was started elsewhere one of this installation's own.",
    (Step.ADOPT,),
    0.0,
    _acted,
)

IGNORE: Final = Kind(
    "ignore_orphan",
    "Keep an orphan: no rule destroys it.",
    (Step.IGNORE,),
    0.0,
    _acted,
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            START,
            STOP,
            REBOOT,
            POWER_ON,
            POWER_OFF,
            RESIZE,
            RENAME,
            CREATE_IMAGE,
            ASSIGN,
            RENEW,
            RELEASE,
            ADOPT,
            IGNORE,
        )
    }
)
"""All kinds by name, in the order in which pages list them."""

KNOWN_STEPS: Final = frozenset((kind.name, step) for kind in KINDS.values() for step in kind.steps)
"""The pairs of kind and step that this server can resume."""
