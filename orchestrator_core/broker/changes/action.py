"""Changes of one VM that are made with one call of a hook, and never repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes import steps
from orchestrator_core.broker.changes.attempt import FirstAttempt
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.visibility import until_shown
from orchestrator_core.broker.operations import keys, outcome
from orchestrator_core.broker.operations.change import Acted, Change, ImageMade, Made, VmReference
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.states import OperationState
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError

UNKNOWN: Final = "unknown_outcome"


class ActionHandler(Handler):
    """Handler that reboots VMs, switches them on and off, and makes images of them.

    Derived handlers add what must be true before a change (:meth:`check`, :meth:`recorded`), what
    follows an accepted one (:meth:`accepted`, :meth:`made`), and how the outcome of a lost call can
    be determined (:meth:`can_tell`, :meth:`resume`).

    Args:
        recorder: the recorder of this process.
    """

    async def begin(
        self, change: Change, hook: str, vm: VmReference, arguments: Mapping[str, Any]
    ) -> Made:
        """Call the hook of that name for a VM, with the hook's own arguments."""
        cloud, kind = change.cloud, KINDS[hook]
        deadline = Deadline(cloud.guard.seconds(hook))
        node_id = await until_shown(
            self._recorder, cloud, vm, deadline, lambda seconds: steps.resolve(cloud, vm, seconds)
        )
        await self.check(cloud, node_id, arguments)
        parameters = {"node": vm.node, "hostname": vm.hostname, **arguments}
        draft = kind.draft(cloud.name, change.requester, parameters, node_id)
        operation = await self._recorder.record(change, draft, _forget_key, self.recorded)
        faultpoints.reached("action.recorded")
        meant = VmReference(node_id)
        step = steps.act(cloud, kind, meant, change.permit, arguments)

        async def ask(seconds: float | None) -> Acted | ImageMade:
            return await cloud.change(hook, step, change.permit, change.hints, seconds)

        attempt = FirstAttempt(self._recorder, change, operation, _forget_key)
        async with attempt.calling(lambda error: self._failed(change, operation, error)):
            made = await until_shown(self._recorder, cloud, meant, deadline, ask)
        faultpoints.reached("action.answered")
        accepted = await self.accepted(operation, cloud, made)
        operation = await self._recorder.progress(operation, accepted, self.made)
        faultpoints.reached("action.settled")
        return kind.made(operation)

    async def check(self, cloud: Cloud, node_id: str, arguments: Mapping[str, Any]) -> None:
        """Check that the change may be made, before it is recorded; raise if it may not."""

    def recorded(self, connection: Connection, operation: Operation) -> None:
        """Check that the change may be made, in the transaction that records it."""

    async def accepted(
        self, operation: Operation, cloud: Cloud, made: Acted | ImageMade
    ) -> Progress:
        """Return the progress of an operation whose change the cloud has accepted."""
        del cloud
        return Progress(OperationState.SUCCEEDED, operation.step, answer=made.recorded)

    def made(self, connection: Connection, operation: Operation) -> None:
        """Write the effect of the change on the ledger, in the transaction that records it."""

    async def can_tell(self, cloud: Cloud) -> bool:
        """Return whether :meth:`resume` can determine if a lost call has made the change."""
        del cloud
        return False

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """End an operation of unknown outcome as failed, because a second change would be worse."""
        return await self.unknown(operation)

    async def unknown(self, operation: Operation) -> Operation:
        """Record that the outcome is unknown, and what a person has to check."""
        lost = Progress(
            OperationState.FAILED,
            operation.step,
            error_code=UNKNOWN,
            error_message=f"The outcome is unknown; {KINDS[operation.kind].advice}",
        )
        return await self._recorder.progress(operation, lost)

    async def wait_or_end(self, operation: Operation, cloud: Cloud, ended: Progress) -> Operation:
        """Record that a lost call has not made the change, once it can no longer do so.

        Args:
            operation: the operation.
            cloud: its cloud, whose setting ``visibility_timeout`` is the time to wait.
            ended: the progress to record after that time.
        """
        grace = cloud.settings.visibility_timeout
        delay = await self._recorder.delays.search(operation, grace)
        made = ended if delay is None else outcome.check_again(operation, delay)
        return await self._recorder.progress(operation, made)

    async def _failed(self, change: Change, operation: Operation, error: OrchestratorError) -> None:
        """Record an error of the call: nothing was done, refused, or of unknown outcome."""
        nothing_done = change.permit.withdraw() or outcome.is_invalid(error)
        if not nothing_done and not outcome.is_refusal(error) and await self.can_tell(change.cloud):
            await self._recorder.retry(operation, error, unsettled=True)
            return
        made = outcome.failed(operation, error)
        await self._recorder.progress(operation, made, _forget_key if nothing_done else None)


def _forget_key(connection: Connection, operation: Operation) -> None:
    keys.forget(connection, operation)
