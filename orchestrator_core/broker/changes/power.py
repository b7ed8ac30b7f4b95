"""Rebooting a VM and switching it on or off: once, and never a second time by itself."""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy import Connection

from orchestrator_core.broker.changes import steps
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.visibility import until_shown
from orchestrator_core.broker.operations import keys, outcome
from orchestrator_core.broker.operations.change import Acted, Change, VmReference
from orchestrator_core.broker.operations.operation import (
    Draft,
    Operation,
    OperationState,
    Progress,
    Step,
)
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError

_DEADLINE: Final = 3600.0


class Switch:
    """Reboots VMs and switches them on and off.

    Args:
        recorder: of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def begin(self, change: Change, hook: str, vm: VmReference) -> Acted:
        """Do to a VM what the hook's name says."""
        cloud = change.cloud
        deadline = Deadline(cloud.guard.seconds(hook))
        node_id = await until_shown(
            self._recorder, cloud, vm, deadline, lambda seconds: steps.resolve(cloud, vm, seconds)
        )
        parameters = {"node": vm.node, "hostname": vm.hostname}
        draft = Draft(
            hook, cloud.name, Step.POWER, change.requester, parameters, _DEADLINE, node_id
        )
        operation = await self._recorder.record(change, draft, _forget_key)
        meant = VmReference(node_id)
        step = steps.act(hook, meant, change.permit)

        async def ask(seconds: float | None) -> str:
            return await cloud.change(hook, step, change.permit, change.hints, seconds)

        try:
            await until_shown(self._recorder, cloud, meant, deadline, ask)
        except asyncio.CancelledError:
            self._recorder.caller_left(change, operation, _forget_key)
            raise
        except OrchestratorError as error:
            error.operation_id = operation.id
            nothing_done = change.permit.withdraw() or outcome.is_invalid(error)
            made = outcome.failed(operation, error)
            await self._recorder.progress(operation, made, _forget_key if nothing_done else None)
            raise
        done = Progress(OperationState.SUCCEEDED, operation.step, answer={"node_id": node_id})
        return Acted(node_id, await self._recorder.progress(operation, done))

    async def resume(self, operation: Operation) -> Operation:
        """End an operation whose outcome nobody saw: to reboot twice would be worse."""
        lost = Progress(
            OperationState.FAILED,
            operation.step,
            error_code="unknown_outcome",
            error_message="Whether it was done is not known; look at the node's state",
        )
        return await self._recorder.progress(operation, lost)


def _forget_key(connection: Connection, operation: Operation) -> None:
    keys.forget(connection, operation)
