"""Changes under way: they run to their end, whether or not their callers stay to see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import StateUnavailable

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class InFlight:
    """All changes of this process that have not ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, change: Callable[[Permit], Coroutine[Any, Any, T]]) -> T:
        """Make a change; when the caller leaves it is dropped if it has not begun.

        Args:
            change: given the permit that it must ask before it changes anything.
        """
        permit = Permit()
        task = asyncio.ensure_future(change(permit))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if permit.withdraw():
                task.cancel()
            raise
        finally:
            del task  # or an error would hold it, and it the error

    async def drain(self) -> None:
        """Wait until every change has ended; the process is about to end."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        # An outage of the database has its own line, and one for each caller would fill the log.
        if error is not None and not isinstance(error, StateUnavailable):
            _log.info("change failed", why=str(error))
