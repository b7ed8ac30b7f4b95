"""The first attempt of an operation, while its caller waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator_core.broker.changes.recorder import Recorder, Statements
from orchestrator_core.broker.operations import outcome
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.errors import OrchestratorError


@dataclass(frozen=True, slots=True)
class FirstAttempt:
    """The first attempt of a recorded operation, from the call to the recorded outcome.

    Args:
        recorder: the recorder of this process.
        change: the caller's change.
        operation: the operation as it was recorded.
        on_abort: the statements for a change that has not begun. They free the caller's idempotency
            key.
    """

    recorder: Recorder
    change: Change
    operation: Operation
    on_abort: Statements

    @asynccontextmanager
    async def calling(
        self, failed: Callable[[OrchestratorError], Awaitable[object]]
    ) -> AsyncIterator[None]:
        """Run the ``with`` block, which calls a cloud or a backend.

        Args:
            failed: the function that records an error of the call; it may raise another error.

        Raises:
            OrchestratorError: the error of the call, with the operation's id.
        """
        try:
            yield
        except asyncio.CancelledError:
            self.recorder.caller_left(self.change, self.operation, self.on_abort)
            raise
        except OrchestratorError as error:
            error.operation_id = self.operation.id
            await failed(error)
            raise

    async def fail(
        self, error: OrchestratorError, refused: Statements, *, begun: bool | None = None
    ) -> Operation:
        """Record an error of the call as not begun, refused, or of unknown outcome.

        Args:
            error: the error that the call raised.
            refused: the statements for a change that the cloud or the backend certainly refused.
            begun: whether the call may have reached the cloud; None to ask the permit.
        """
        if begun is None:
            begun = not self.change.permit.withdraw()
        if not begun or outcome.is_invalid(error):
            made = outcome.failed(self.operation, error)
            return await self.recorder.progress(self.operation, made, self.on_abort)
        if outcome.is_refusal(error):
            made = outcome.failed(self.operation, error)
            return await self.recorder.progress(self.operation, made, refused)
        return await self.recorder.retry(self.operation, error, unsettled=True)
