"""The step of a start that waits until its VM is ready."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes.readiness import Goal, ReadinessWaits
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.operations import outcome
from orchestrator_core.broker.operations.change import Started
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.operations.start_answer import start_answer
from orchestrator_core.broker.operations.start_order import WaitFor
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import NodeNotFound, OrchestratorError, StartFailed

_LONGEST_WAIT: Final = 3600.0
"""Seconds from the start after which the wait ends with an error."""


class ReadyStep:
    """The step ``ready`` of a start.

    Args:
        recorder: the recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def wait(
        self, started: Started, cloud: Cloud, goal: Goal, waits: ReadinessWaits, deadline: Deadline
    ) -> Started:
        """Wait for a started VM while its caller waits, and record how far it has come.

        Args:
            started: the result of the start, with its operation.
            cloud: the VM's cloud.
            goal: the condition that the caller waits for.
            waits: the waits of this process.
            deadline: the end of the caller's wait.

        Raises:
            StartFailed: when the VM will never run.
        """
        operation = started.operation
        assert operation is not None
        try:
            node = await waits.wait(cloud, started.node, goal, deadline)
            reached = goal.reached(node)
        except StartFailed as error:
            error.operation_id = operation.id
            await self._recorder.progress(operation, outcome.failed(operation, error))
            raise
        node = replace(node, secrets=started.node.secrets)
        answer = {
            **start_answer(started.cloud, node, operation.parameters),
            "reached": reached.value,
        }
        if goal.is_met(node):
            made = Progress(OperationState.SUCCEEDED, Step.READY, answer=answer)
        else:
            after = self._recorder.delays.retry(operation)
            made = Progress(OperationState.PENDING, Step.READY, after=after, answer=answer)
        operation = await self._recorder.progress(operation, made)
        faultpoints.reached("start.ready")
        return replace(started, node=node, operation=operation, reached=reached.value)

    async def look(self, operation: Operation, cloud: Cloud) -> Operation:
        """Look once whether the VM of a start is as its caller asked; no caller waits any more."""
        assert operation.node_id is not None
        parameters = operation.parameters
        goal = Goal(WaitFor(parameters["wait_for"]), public=parameters.get("public_ip") is True)
        try:
            description, node = await cloud.look_at(operation.node_id)
            reached = goal.reached(node)
        except (NodeNotFound, StartFailed) as error:
            is_young = _age(operation) < cloud.settings.visibility_timeout
            if isinstance(error, NodeNotFound) and is_young:
                return await self._recorder.retry(operation, error)
            return await self._recorder.progress(operation, outcome.failed(operation, error))
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error)
        if goal.is_met(node):
            answer = {
                **start_answer(description, node, operation.parameters),
                "reached": reached.value,
            }
            made = Progress(OperationState.SUCCEEDED, Step.READY, answer=answer)
        elif _age(operation) < _LONGEST_WAIT:
            after = self._recorder.delays.retry(operation)
            made = Progress(OperationState.PENDING, Step.READY, after=after)
        else:
            why = f"Node {node.id} was started, but is {reached.value} after {_LONGEST_WAIT:g} s"
            made = Progress(
                OperationState.FAILED, Step.READY, error_code="not_ready", error_message=why
            )
        return await self._recorder.progress(operation, made)


def _age(operation: Operation) -> float:
    """Return the seconds from the record of a start to its running attempt."""
    assert operation.attempt_started_at is not None
    return operation.attempt_started_at - operation.created_at
