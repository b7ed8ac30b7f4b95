"""Counter of the VMs that callers have started; two starts never take the same place.

A start takes its place under the id of its operation before the core records the operation. From
then on the core knows the outcome of the start, even if this process dies. When no place is free,
this module asks the core which of the taken places are still used.
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
"""Seconds that a cloud's list may take; it is read to find VMs that were destroyed elsewhere."""


class Quota:
    """The quotas of one section of the settings.

    Args:
        title: The section's name, for the message of a denied start.
        places: The section's places.
        inventory: The core's inventory of operations and VMs.
        settings: The settings, loaded by :class:`QuotaSettings`.
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
            Forbidden: The caller has as many VMs as the quota allows.
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
        """Tie a start's place to its VM, or free the place if there certainly is no VM."""
        assert call.operation_id is not None
        if outcome.error is None:
            self._places.tie(call.operation_id, outcome.node_id)
            return
        status = self._inventory.operations([call.operation_id]).get(call.operation_id)
        if status is None or status.state in _LOST:
            self._places.free(call.operation_id)

    def ended(self, cloud: str, node_id: str) -> None:
        """Free the place of a VM that is being destroyed."""
        self._places.free_vm(cloud, node_id)

    def _free(self, call: Call, taken: Sequence[Place]) -> bool:
        """Free the places that are no longer used; return whether there were any."""
        known = self._inventory.operations([place.operation_id for place in taken])
        free = [
            place.operation_id
            for place in taken
            if not self._holds(place, known.get(place.operation_id), call.deadline)
        ]
        free = free or self._destroyed_elsewhere(call, taken, known)
        if free:
            self._places.free(*free)
        return bool(free)

    def _holds(self, place: Place, status: OperationStatus | None, patience: float) -> bool:
        """Return whether a taken place is still used.

        Args:
            place: The place.
            status: The state of the start; None if it is not recorded.
            patience: The seconds that a start may take. A start that is still not recorded after
                twice this time never will be: its process was killed before it could record the
                start.
        """
        if status is None:
            return place.age < 2 * patience
        if status.state == "succeeded":
            return status.node_id is not None
        return status.state not in _LOST and place.age < self._unknown_for

    def _destroyed_elsewhere(
        self, call: Call, taken: Sequence[Place], known: Mapping[str, OperationStatus]
    ) -> list[str]:
        """Return the starts whose VMs should be in their cloud's list by now, but are not."""
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
            return []  # the next start tries again
        if not nodes:
            return []  # a list without any VM proves nothing
        there = {node.id for node in nodes if node.state is not NodeState.TERMINATED}
        return [operation_id for operation_id, node_id in old.items() if node_id not in there]
