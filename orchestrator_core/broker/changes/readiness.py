"""The wait until a started VM runs, or has an address, as its caller asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from orchestrator_core.broker.operations.start_order import WaitFor
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import NodeNotFound, OrchestratorError, StartFailed
from orchestrator_core.model import Node, NodeState

_log = structlog.get_logger(__name__)

_RUNNING: Final = frozenset({NodeState.RUNNING, NodeState.NORMAL})
_FAILED: Final = frozenset({NodeState.ERROR, NodeState.TERMINATED, NodeState.TERMINATING})

_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 5.0
_GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Goal:
    """The condition that a started VM has to reach.

    Attributes:
        wait_for: the state that the caller waits for.
        public: whether the address must be a public one.
    """

    wait_for: WaitFor
    public: bool = False

    def reached(self, node: Node) -> WaitFor:
        """Return how far a VM has come.

        Raises:
            StartFailed: when the VM will never run.
        """
        if node.state in _FAILED:
            why = f" ({node.fault})" if node.fault else ""
            raise StartFailed(
                f"Node {node.id} was started, but its cloud shows it as {node.state.value}{why}; "
                "it still exists until it is stopped"
            )
        if node.state not in _RUNNING:
            return WaitFor.ACCEPTED
        addresses = node.public_ips if self.public else [*node.public_ips, *node.private_ips]
        return WaitFor.ADDRESS if addresses else WaitFor.RUNNING

    def is_met(self, node: Node) -> bool:
        """Return whether a VM has come as far as the caller waits for, or further."""
        ranks = list(WaitFor)
        return ranks.index(self.reached(node)) >= ranks.index(self.wait_for)


class ReadinessWaits:
    """The waits of this process, which end early when the process stops."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all waits; the durable worker continues those of recorded starts."""
        self._stopping.set()

    async def wait(self, cloud: Cloud, node: Node, goal: Goal, deadline: Deadline) -> Node:
        """Return a VM as its cloud showed it last, when it meets the goal or the time is over.

        Errors of the cloud do not end the wait. No thread is held between two looks.

        Args:
            cloud: the VM's cloud.
            node: the VM as the start returned it.
            goal: the condition to wait for.
            deadline: the end of the wait.

        Raises:
            StartFailed: when the VM will never run.
        """
        delay = _FIRST_DELAY
        while not goal.is_met(node) and delay < deadline.remaining():
            if await self._is_stopping_within(delay):
                break
            node = await _look(cloud, node, deadline) or node
            delay = min(_GROWTH * delay, _LONGEST_DELAY)
        return node

    async def _is_stopping_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


async def _look(cloud: Cloud, node: Node, deadline: Deadline) -> Node | None:
    """Return the VM as its cloud shows it now; None if the cloud does not tell."""
    seconds = min(deadline.remaining(), cloud.guard.seconds("get_node"))
    try:
        _, found = await cloud.look_at(node.id, seconds)
    except NodeNotFound:
        return None  # Its cloud may not show it yet.
    except OrchestratorError as error:
        _log.debug("cannot look at a started VM", cloud=cloud.name, node=node.id, why=str(error))
        return None
    return found
