"""Resizes of VMs, which some clouds carry out slowly and want to have confirmed."""

from __future__ import annotations

from typing import Final

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes import steps
from orchestrator_core.broker.changes.action import ActionHandler
from orchestrator_core.broker.operations import outcome
from orchestrator_core.broker.operations.change import Acted, ImageMade
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import (
    InvalidParameter,
    NodeNotFound,
    OrchestratorError,
    RequestError,
    SizeNotFound,
)

_SIZE_UNKNOWN: Final = (InvalidParameter, SizeNotFound)
"""Errors of the look-up of the size, which say nothing about the resize."""


class Resizer(ActionHandler):
    """Handler that resizes VMs.

    If the cloud's plugin has ``confirm_resize``, an accepted resize is not the end of the
    operation: the durable worker calls that hook until the resize is complete, so that a
    confirmation is not lost with the process that accepted the request.

    Args:
        recorder: the recorder of this process.
    """

    async def accepted(
        self, operation: Operation, cloud: Cloud, made: Acted | ImageMade
    ) -> Progress:
        """Return the end of the operation, or the wait until the cloud has finished."""
        if not await self.can_tell(cloud):
            return await super().accepted(operation, cloud, made)
        return Progress(
            OperationState.PENDING,
            Step.FINISH,
            after=self._recorder.delays.confirmation(0),
            answer={**made.recorded, "pending": True},
        )

    async def can_tell(self, cloud: Cloud) -> bool:
        """Return whether the cloud's plugin can tell that a resize is complete."""
        return await cloud.reason_against("confirm_resize") is None

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Confirm a resize that the cloud has finished, or determine whether it was made."""
        assert operation.node_id is not None
        if not await self.can_tell(cloud):
            return await self.unknown(operation)
        try:
            permit = self._recorder.permit()
            step = steps.confirm_resize(operation.node_id, operation.parameters["size"], permit)
            complete = await cloud.change("confirm_resize", step, permit)
        except NodeNotFound as error:
            return await self._recorder.progress(operation, outcome.failed(operation, error))
        except OrchestratorError as error:
            return await self._not_confirmed(operation, cloud, error)
        faultpoints.reached("action.confirmed")
        if not complete:
            wait = self._recorder.delays.confirmation(operation.attempts)
            going_on = Progress(OperationState.PENDING, Step.FINISH, after=wait)
            return await self._recorder.progress(operation, going_on)
        made = Acted(operation.node_id, "").recorded
        done = Progress(OperationState.SUCCEEDED, operation.step, answer=made)
        return await self._recorder.progress(operation, done)

    async def _not_confirmed(
        self, operation: Operation, cloud: Cloud, error: OrchestratorError
    ) -> Operation:
        is_given_up = isinstance(error, RequestError) and not isinstance(error, _SIZE_UNKNOWN)
        if not is_given_up:
            return await self._recorder.retry(operation, error, unsettled=operation.unsettled)
        failed = outcome.failed(operation, error)
        if operation.step == Step.FINISH:
            return await self._recorder.progress(operation, failed)
        # The cloud's answer was lost. The request may still be on its way.
        return await self.wait_or_end(operation, cloud, failed)
