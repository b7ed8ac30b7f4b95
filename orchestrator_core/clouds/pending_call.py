"""One call on its way through a bulkhead: queued, running, and delivered at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from orchestrator_core.clouds.aborter import Abort
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudTimeout
from orchestrator_core.origin import SERVER, origin

Job = Callable[[Deadline], Any]
"""Ordinary blocking code; it is given its deadline."""

NOT_RUN: Final = CloudTimeout("not run")
"""Stands for the outcome of a call that no thread has finished."""


class PendingCall:
    """A call, with all that the bulkhead remembers of it.

    Attributes:
        begun: whether a thread has taken it.
        origin: that of the caller that it was begun for.
        ended: whether that thread is through with it.
        overdue: whether it was still running when the last one left who waited for it.
        lost: whether its thread has been replaced since.
    """

    __slots__ = (
        "abort",
        "begun",
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
        self.begun = self.ended = self.overdue = self.lost = False
        self.result: Any = None
        self.error: BaseException | None = NOT_RUN

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for it any more: it has its result, or its caller left."""
        return self.future is None or self.future.done()

    def run(self) -> None:
        """Run the job, in a thread of the cloud."""
        origin.set(self.origin)  # for what the job asks of the database
        try:
            self.result = self.job(self.deadline)
            self.error = None
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, not to the thread
            self.error = error

    def deliver(self) -> None:
        """Hand the result to the coroutine that waits for it, in its loop."""
        future, result, error = self.future, self.result, self.error
        # An error knows the frames that it came through, and they know this ticket. If it knew
        # the error in turn, all that the call has touched would stay until the collector's round.
        self.future = self.result = self.error = None
        if future is None or future.done():
            return  # the caller left, or the deadline passed
        if isinstance(error, StopIteration):  # the one exception that no future takes
            future.set_exception(RuntimeError("the job raised StopIteration"))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
