"""One call in a bulkhead: queued, running, and delivered at most once."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Final

from orchestrator_core.clouds.aborter import Abort
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudTimeout
from orchestrator_core.origin import SERVER, origin

Job = Callable[[Deadline], Any]
"""Ordinary blocking code, which receives its deadline."""

NOT_RUN: Final = CloudTimeout("not run")
"""The outcome of a call that no thread has finished."""


class PendingCall:
    """A call, with its state in the bulkhead.

    Attributes:
        begun: whether a thread has taken the call.
        origin: the origin of the caller for which the call was created.
        ended: whether the thread has finished the call.
        overdue: whether the call was still running when the last waiting caller left.
        lost: whether the thread of the call has been replaced.
    """

    __slots__ = (
        "abort",
        "begun",
        "context",
        "deadline",
        "ended",
        "error",
        "future",
        "job",
        "lost",
        "origin",
        "overdue",
        "result",
    )

    def __init__(
        self, job: Job, seconds: float, future: asyncio.Future[Any], abort: Abort | None
    ) -> None:
        self.job = job
        self.deadline = Deadline(seconds)
        self.future: asyncio.Future[Any] | None = future
        self.abort = abort
        self.origin = SERVER
        # The thread has the request's id for its log lines, and the trace for what it calls.
        self.context = contextvars.copy_context()
        self.begun = self.ended = self.overdue = self.lost = False
        self.result: Any = None
        self.error: BaseException | None = NOT_RUN

    @property
    def is_settled(self) -> bool:
        """Whether no caller waits any more: the call has its result, or its caller left."""
        return self.future is None or self.future.done()

    def run(self) -> None:
        """Run the job, in a thread of the cloud and in the context of its caller."""
        self.context.run(self._run)

    def _run(self) -> None:
        origin.set(self.origin)  # For the job's requests to the database.
        try:
            self.result = self.job(self.deadline)
            self.error = None
        except BaseException as error:  # noqa: BLE001 - the caller gets it, not the thread
            self.error = error

    def deliver(self) -> None:
        """Pass the result to the waiting coroutine, in its event loop."""
        future, result, error = self.future, self.result, self.error
        # An error refers to the frames that it passed through, and the frames refer to this call.
        # If the call also referred to the error, this cycle would keep all objects of the call
        # alive until the garbage collector runs.
        self.future = self.result = self.error = None
        if future is None or future.done():
            return  # The caller left, or the deadline passed.
        if isinstance(error, StopIteration):  # The one exception that a future does not accept.
            future.set_exception(RuntimeError("the job raised StopIteration"))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
