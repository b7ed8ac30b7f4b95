"""The start and the destruction of one VM, with the time of each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator_core.broker.changes.readiness import Goal, ReadinessWaits
from orchestrator_core.broker.operations.kinds import started_by
from orchestrator_core.broker.operations.start_order import WaitFor
from orchestrator_core.broker.states import OperationState
from orchestrator_core.cli.start_check.plan import Plan
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError, StateUnavailable

if TYPE_CHECKING:  # they need SQLAlchemy
    from orchestrator_core.broker.operations.change import Started
    from orchestrator_core.broker.operations.operation import Operation
    from orchestrator_core.broker.temporary import TemporaryVms


@dataclass(slots=True)
class Trial:
    """One VM.

    Attributes:
        plan: the VM as it is to be started.
        tell: tells the operator a sentence while the command goes on.
        steps: the steps that it has come through, with their seconds.
        fault: the first thing that went wrong; empty for nothing.
        left: what is left and where; empty for nothing.
    """

    plan: Plan
    tell: Callable[[str], None]
    steps: list[str] = field(default_factory=list)
    fault: str = ""
    left: str = ""

    @property
    def complaint(self) -> str:
        """What went wrong and what is left; empty for nothing."""
        return "; ".join(filter(None, (self.fault, self.left)))

    async def run(self, vms: TemporaryVms, waits: ReadinessWaits, limit: float) -> None:
        """Start the VM, wait until it runs, and destroy it.

        Args:
            vms: the VMs of this process.
            waits: the waits for running VMs, which a signal ends.
            limit: the seconds for the start, and again for the destruction.
        """
        start_id = vms.new_id()
        deadline = Deadline(limit)
        started = await self._start(vms, start_id, deadline)
        if started is not None:
            await self._wait(started, waits, deadline)
        self.left = await destroyed(vms, start_id, limit, self.steps)

    async def _start(self, vms: TemporaryVms, start_id: str, deadline: Deadline) -> Started | None:
        begun = time.monotonic()
        try:
            started = await vms.start(self.plan.cloud, self.plan.order, start_id)
        except OrchestratorError as error:
            self.fault = f"the start failed: {_why(error)}"
            self.tell(f"{self.fault}; looking for a VM that it may have left, which takes minutes")
        else:
            self._note_start(started, begun)
            return started
        try:
            found = await vms.settle(start_id, deadline)
        except OrchestratorError:
            return None  # the destruction says what is left
        if found is None or found.state is not OperationState.SUCCEEDED:
            return None
        started = started_by(found)
        self._note_start(started, begun)
        return started

    def _note_start(self, started: Started, begun: float) -> None:
        node = started.node
        self.steps.append(f"VM {node.id} ({node.name}) started in {_since(begun)}")

    async def _wait(self, started: Started, waits: ReadinessWaits, deadline: Deadline) -> None:
        begun = time.monotonic()
        goal = Goal(WaitFor.RUNNING)
        try:
            node = await waits.wait(self.plan.cloud, started.node, goal, deadline)
            if goal.is_met(node):
                self.steps.append(f"running after {_since(begun)}")
            elif deadline.passed:
                self._blame(f"VM {node.id} did not run within {_since(begun)}")
        except OrchestratorError as error:
            self._blame(_why(error))

    def _blame(self, fault: str) -> None:
        self.fault = self.fault or fault


async def destroyed(vms: TemporaryVms, start_id: str, limit: float, steps: list[str]) -> str:
    """Destroy the VM of a start; return what is left, and an empty text for nothing.

    Args:
        vms: the VMs of this process.
        start_id: the id of the start.
        limit: the seconds for it.
        steps: the list to which the destruction is added.
    """
    begun = time.monotonic()
    try:
        start = await vms.settle(start_id, Deadline(limit))
        stop = await vms.destroy(start_id, Deadline(limit))
    except OrchestratorError as error:
        return f"left: the VM of operation {start_id}, if there is one: {_why(error)}"
    if stop is None:
        return "" if start is None or _ended_without(start) else _unknown(start)
    if stop.state is OperationState.SUCCEEDED:
        steps.append(f"gone after {_since(begun)}")
        return ""
    why = f": {stop.error_message}" if stop.error_message else ""
    return (
        f"left: VM {stop.node_id} ({stop.parameters['hostname']}){why}; operation {stop.id} is "
        f"{stop.state}"
    )


def _ended_without(start: Operation) -> bool:
    return start.final and start.node_id is None


def _unknown(start: Operation) -> str:
    vm = f"VM {start.node_id}" if start.node_id else "perhaps a VM"
    return (
        f"left: {vm} ({start.parameters['name']}): the outcome of the start is not known; "
        f"operation {start.id} is {start.state}"
    )


def _why(error: OrchestratorError) -> str:
    fault = f" ({error.network_fault})" if error.network_fault else ""
    reason = error.reason if isinstance(error, StateUnavailable) else ""
    return (reason or error.message) + fault


def _since(begun: float) -> str:
    return f"{time.monotonic() - begun:.2f} s"
