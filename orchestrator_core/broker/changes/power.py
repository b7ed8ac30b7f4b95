"""Reboots of VMs, and switching VMs on and off; none of these is ever retried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from orchestrator_core.broker.changes import steps
from orchestrator_core.broker.changes.attempt import FirstAttempt
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.visibility import until_shown
from orchestrator_core.broker.operations import keys, outcome
from orchestrator_core.broker.operations.change import Change, Made, VmReference
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.states import OperationState
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError


class Switch(Handler):
    """Handler that reboots VMs and switches them on and off.

    Args:
        recorder: the recorder of this process.
    """

    async def begin(
        self, change: Change, hook: str, vm: VmReference, arguments: Mapping[str, Any]
    ) -> Made:
        """Call the hook of that name for a VM, with the hook's own arguments."""
        cloud = change.cloud
        deadline = Deadline(cloud.guard.seconds(hook))
        node_id = await until_shown(
            self._recorder, cloud, vm, deadline, lambda seconds: steps.resolve(cloud, vm, seconds)
        )
        parameters = {"node": vm.node, "hostname": vm.hostname, **arguments}
        kind = KINDS[hook]
        draft = kind.draft(cloud.name, change.requester, parameters, node_id)
        operation = await self._recorder.record(change, draft, _forget_key)
        meant = VmReference(node_id)
        step = steps.act(hook, meant, change.permit, arguments=arguments)

        async def ask(seconds: float | None) -> str:
            return await cloud.change(hook, step, change.permit, change.hints, seconds)

        async def failed(error: OrchestratorError) -> None:
            nothing_done = change.permit.withdraw() or outcome.is_invalid(error)
            made = outcome.failed(operation, error)
            await self._recorder.progress(operation, made, _forget_key if nothing_done else None)

        attempt = FirstAttempt(self._recorder, change, operation, _forget_key)
        async with attempt.calling(failed):
            await until_shown(self._recorder, cloud, meant, deadline, ask)
        done = Progress(OperationState.SUCCEEDED, operation.step, answer={"node_id": node_id})
        operation = await self._recorder.progress(operation, done)
        return kind.made(operation)

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """End an operation of unknown outcome as failed, because a second reboot would be worse."""
        lost = Progress(
            OperationState.FAILED,
            operation.step,
            error_code="unknown_outcome",
            error_message="The outcome is unknown; check the state of the node",
        )
        return await self._recorder.progress(operation, lost)


def _forget_key(connection: Connection, operation: Operation) -> None:
    keys.forget(connection, operation)
