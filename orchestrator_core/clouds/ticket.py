"""One call on its way through a bulkhead: queued, running, and delivered at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from orchestrator_core.clouds.aborter import Abort
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudTimeout

Job = Callable[[Deadline], Any]
"""Ordinary blocking code; it is given its deadline."""

NOT_RUN: Final = CloudTimeout("not run")
"""Stands for the outcome of a call that no thread has finished."""


class Ticket:
    """A call, with all that the bulkhead remembers of it.

    Attributes:
        begun: whether a thread has taken it.
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
        "overdue",
        "result",
    )

    def __init__(
        self, job: Job, seconds: float, future: asyncio.Future[Any], abort: Abort | None
    ) -> None:
        self.job = job
        self.deadline = Deadline(seconds)
        self.future = future
        self.abort = abort
        self.begun = self.ended = self.overdue = self.lost = False
        self.result: Any = None
        self.error: BaseException | None = NOT_RUN

    def run(self) -> None:
        """Run the job, in a thread of the cloud."""
        try:
            self.result = self.job(self.deadline)
            self.error = None
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, not to the thread
            self.error = error

    def deliver(self) -> None:
        """Hand the result to the coroutine that waits for it, in its loop."""
        if self.future.done():
            return  # the caller left, or the deadline passed
        if isinstance(self.error, StopIteration):  # the one exception that no future takes
            self.future.set_exception(RuntimeError("the job raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)
