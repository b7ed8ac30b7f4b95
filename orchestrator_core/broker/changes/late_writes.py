"""Writes that outlast an outage of the database, and the tasks that make them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection

from orchestrator_core.broker.operations import updates
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.process.process import Process
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state.database import Database

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_RETRY_DELAYS: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between the tries to record what has already happened, while a caller waits."""
_RETRIES_END: Final = 5.0
"""Seconds after which no further try begins while a caller waits.

Each try takes 45 s when the database has fallen silent; the caller must be answered after one.
"""
_BACKGROUND_DELAY: Final = 5.0
"""Seconds between the tries when no caller waits."""


class LateWrites:
    """Retries of reads and writes that must not be lost, for the operations of this process.

    The cloud or the backend has acted already when the recorder writes a result. The database is
    therefore asked again: a few times while the caller waits, then in the background.

    Args:
        database: the database that holds the operations.
        process: this process; it keeps the operations whose writes are still running.
    """

    def __init__(self, database: Database, process: Process) -> None:
        self._database = database
        self._process = process
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = asyncio.Event()

    async def insist(self, work: Callable[[Connection], T]) -> T:
        """Write, and wait for a database that is briefly unreachable.

        Raises:
            StateUnavailable: when the database stays unreachable.
        """
        patience = Deadline(_RETRIES_END)
        for delay in _RETRY_DELAYS:
            try:
                return await self._database.write(work)
            except StateUnavailable:
                if patience.remaining() <= 0:
                    raise
                await asyncio.sleep(delay)
        return await self._database.write(work)

    async def find(self, operation_id: str) -> Operation | None:
        """Return an operation by its id after an unconfirmed commit; None if it does not show.

        None does not mean that the commit failed: it may still take effect.
        """
        patience = Deadline(_RETRIES_END)
        for delay in _RETRY_DELAYS:
            await asyncio.sleep(delay)
            with suppress(StateUnavailable):
                return await self._database.read(lambda c: updates.get(c, operation_id))
            if patience.remaining() <= 0:
                break
        return None

    async def until_available(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call again and again until the database is available; return its result.

        Raises:
            StateUnavailable: when the call fails once more after :meth:`drain` has begun.
        """
        while True:
            await self._wait()
            try:
                return await call()
            except StateUnavailable:
                if self._ending.is_set():
                    raise

    def run(self, operation_id: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run work on an operation to its end, whether or not a caller waits for it."""
        task = asyncio.ensure_future(work)
        self._process.runs(operation_id, task)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def drain(self) -> None:
        """Wait for all work; try failing writes once more, then lose them."""
        self._ending.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_BACKGROUND_DELAY):
                await self._ending.wait()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("result not recorded", why=str(task.exception()))
