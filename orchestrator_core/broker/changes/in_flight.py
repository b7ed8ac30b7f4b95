"""Changes in flight, which run to their end even if their callers leave."""

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
        """Run a change; if the caller leaves before the change has begun, cancel it.

        Args:
            change: the change; it must ask the permit that it receives before it changes anything.
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
            del task  # Otherwise the task and its error would keep each other alive.

    async def drain(self) -> None:
        """Wait until every change has ended, before the process ends."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        # A database outage is logged once elsewhere; a line for each caller would flood the log.
        if error is not None and not isinstance(error, StateUnavailable):
            _log.info("change failed", why=str(error))
