"""Counts the VMs that callers have started: no two starts ever take one place.

A start takes its place under the id of its operation before the core records it. From then on the
core knows what has become of it, whatever happens to this process: where there is no place left,
the core is asked which of those that are taken still are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestrator_core import (
    Call,
    Deadline,
    Forbidden,
    Inventory,
    NodeState,
    OperationStatus,
    OrchestratorError,
    Outcome,
)
from orchestrator_policy.places import Place, Places

_LOST: Final = ("failed", "abandoned")

_LOOK_SECONDS: Final = 2.0
"""How long a cloud is waited for when it is looked for VMs that were destroyed elsewhere."""


class Quota:
    """The quotas of one section of the settings.

    Args:
        title: of the section, for whom it denies.
        places: of the section.
        inventory: what the core knows.
        settings: as :class:`QuotaSettings` loads them.
    """

    def __init__(
        self, title: str, places: Places, inventory: Inventory, settings: Mapping[str, Any]
    ) -> None:
        self._title = title
        self._places = places
        self._inventory = inventory
        self._default: int | None = settings.get("default")
        self._limits: Mapping[str, int] = settings["callers"]
        self._unknown_for: float = settings["unknown_for"]
        self._visible_after: float = settings["visible_after"]

    def reserve(self, call: Call) -> None:
        """Take a place for a start.

        Raises:
            Forbidden: when the caller has as many VMs as may be.
        """
        limit = self._limits.get(call.caller, self._default)
        if limit is None:
            return
        taken = self._places.take(call, limit)
        if taken is not None and self._free(call, taken):
            taken = self._places.take(call, limit)
        if taken is not None:
            raise Forbidden(
                f"Quota {self._title}: caller {call.caller} has {len(taken)} of {limit} VMs "
                f"in cloud {call.cloud}"
            )

    def settle(self, call: Call, outcome: Outcome) -> None:
        """Tie a start's place to its VM, or give it back if there certainly is none."""
        assert call.operation_id is not None
        if outcome.error is None:
            self._places.tie(call.operation_id, outcome.node_id)
            return
        status = self._inventory.operations([call.operation_id]).get(call.operation_id)
        if status is None or status.state in _LOST:
            self._places.give_back(call.operation_id)

    def ended(self, cloud: str, node_id: str) -> None:
        """Give the place of a VM back that is being destroyed."""
        self._places.give_back_of(cloud, node_id)

    def _free(self, call: Call, taken: Sequence[Place]) -> bool:
        """Give back the places that nobody has any more; whether there was one."""
        known = self._inventory.operations([place.operation_id for place in taken])
        free = [
            place.operation_id
            for place in taken
            if not self._holds(place, known.get(place.operation_id), call.deadline)
        ]
        free = free or self._destroyed_elsewhere(call, taken, known)
        if free:
            self._places.give_back(*free)
        return bool(free)

    def _holds(self, place: Place, status: OperationStatus | None, patience: float) -> bool:
        """Whether a place is taken in truth.

        Args:
            place: the place.
            status: what has become of the start; None if it is not recorded.
            patience: seconds that a start may take. After twice as many one that is not recorded
                never will be: its process was killed before it came to that.
        """
        if status is None:
            return place.age < 2 * patience
        if status.state == "succeeded":
            return status.node_id is not None
        return status.state not in _LOST and place.age < self._unknown_for

    def _destroyed_elsewhere(
        self, call: Call, taken: Sequence[Place], known: Mapping[str, OperationStatus]
    ) -> list[str]:
        """Return the starts of VMs that should be in their cloud's list by now, and are not."""
        old = {
            place.operation_id: status.node_id
            for place in taken
            if (status := known.get(place.operation_id)) is not None
            and status.node_id is not None
            and place.age > self._visible_after
        }
        if not old:
            return []
        try:
            nodes = self._inventory.list_nodes(call.cloud, Deadline(_LOOK_SECONDS))
        except OrchestratorError:
            return []  # the next start asks again
        if not nodes:
            return []  # a list without any VM proves nothing
        there = {node.id for node in nodes if node.state is not NodeState.TERMINATED}
        return [operation_id for operation_id, node_id in old.items() if node_id not in there]
