"""A value that many callers ask for, and that is made by one task at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class BoundedValue(Generic[T]):
    """A value that is kept for a while, made once for all callers, and waited for briefly.

    A database that hangs would otherwise take one thread for each request for the value. Used from
    one event loop at a time.

    Args:
        make: the function that makes the value. It runs without the caller's context, because
            callers share its result.
        kept: the seconds for which a value, or the error instead of it, is kept.
        patience: the seconds for which a caller waits.
    """

    def __init__(
        self, make: Callable[[], Coroutine[Any, Any, T]], *, kept: float, patience: float
    ) -> None:
        self._make = make
        self._kept = kept
        self._patience = patience
        self._task: asyncio.Task[T] | None = None
        self._ended_at = 0.0

    async def get(self) -> T:
        """Return the value.

        Raises:
            TimeoutError: when making the value takes longer than the patience; the task goes on.
            Exception: the error of the function.
        """
        task = self._task
        if task is None or (task.done() and time.monotonic() - self._ended_at >= self._kept):
            task = asyncio.get_running_loop().create_task(self._make(), context=Context())
            task.add_done_callback(self._ended)
            self._task = task
        done, _ = await asyncio.wait([task], timeout=self._patience)
        if not done:
            raise TimeoutError
        return task.result()

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._ended_at = time.monotonic()
        if not task.cancelled():
            task.exception()  # asyncio logs errors that no caller has seen
