"""The first attempt of an operation, which its caller waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator_core.broker.changes.recorder import Also, Recorder
from orchestrator_core.broker.operations import outcome
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.errors import OrchestratorError


@dataclass(frozen=True, slots=True)
class FirstAttempt:
    """One recorded operation of a caller, from the call to what is written of its end.

    Args:
        recorder: of this process.
        change: the caller's.
        operation: as it was recorded.
        undo: written when nothing was begun for it; the caller's key may be used again then.
    """

    recorder: Recorder
    change: Change
    operation: Operation
    undo: Also

    @asynccontextmanager
    async def calling(
        self, failed: Callable[[OrchestratorError], Awaitable[object]]
    ) -> AsyncIterator[None]:
        """Run the call of a cloud or a backend that is the body.

        Args:
            failed: writes down what an error of the call means; it may raise another one.

        Raises:
            OrchestratorError: what the call raised, with the operation's id.
        """
        try:
            yield
        except asyncio.CancelledError:
            self.recorder.caller_left(self.change, self.operation, self.undo)
            raise
        except OrchestratorError as error:
            error.operation_id = self.operation.id
            await failed(error)
            raise

    async def fail(
        self, error: OrchestratorError, refused: Also, *, begun: bool | None = None
    ) -> Operation:
        """Write down what an error means: nothing begun, refused, or still to be found out.

        Args:
            error: what the call raised.
            refused: written when the cloud or the backend certainly has not done it.
            begun: whether the call may have reached the cloud; None to ask the permit.
        """
        if begun is None:
            begun = not self.change.permit.withdraw()
        if not begun or outcome.is_invalid(error):
            made = outcome.failed(self.operation, error)
            return await self.recorder.progress(self.operation, made, self.undo)
        if outcome.is_refusal(error):
            made = outcome.failed(self.operation, error)
            return await self.recorder.progress(self.operation, made, refused)
        return await self.recorder.retry(self.operation, error, unsettled=True)
