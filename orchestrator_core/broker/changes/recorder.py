"""Recording of the operations that this process runs, and of their progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection

from orchestrator_core.broker.changes.delays import Delays
from orchestrator_core.broker.changes.late_writes import LateWrites
from orchestrator_core.broker.changes.room import RoomTurns
from orchestrator_core.broker.operations import acquire, inserts, outcome, updates
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import (
    FINAL,
    Draft,
    Operation,
    Progress,
    Requester,
)
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import OperationState
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CloudBusy,
    CommitUnconfirmed,
    OrchestratorError,
    StateUnavailable,
    Superseded,
)
from orchestrator_core.log import note_operation
from orchestrator_core.metrics.meter import meter
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.state.clock_watch import ClockWatch
from orchestrator_core.state.database import Database

Statements = Callable[[Connection, Operation], Operation | None]
"""Further statements of the same transaction; may return the operation as changed by them."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_FIRST_ROOM_DELAY: Final = 0.02
_LONGEST_ROOM_DELAY: Final = 0.5
"""Seconds between two checks whether a cloud has room for another change."""


class Recorder:
    """The recorder of the operations of this process.

    Args:
        database: the database that holds the operations.
        process: this process.
        settings: the settings, with the retry delays.
    """

    def __init__(self, database: Database, process: Process, settings: StateSettings) -> None:
        self.database = database
        self.process = process
        self.process_timeout = settings.process_timeout
        self.delays = Delays(database, process.clock, settings)
        self._room_turns = RoomTurns()
        self._late = LateWrites(database, process)

    @property
    def clock(self) -> ClockWatch:
        """The watch of this process over the database's clock."""
        return self.process.clock

    async def retry(
        self, operation: Operation, error: OrchestratorError, *, unsettled: bool = False
    ) -> Operation:
        """Record that an attempt failed and that another one follows after the retry delay.

        Args:
            operation: the operation whose attempt failed.
            error: the error of the attempt.
            unsettled: whether the attempt may have taken effect nevertheless.
        """
        made = outcome.again(operation, error, self.delays.retry(operation), unsettled=unsettled)
        return await self.progress(operation, made)

    def permit(self) -> Permit:
        """Return a permit for an attempt without a waiting caller.

        Get the permit before reading the rows on which the attempt relies.

        Raises:
            StateUnavailable: when other processes may consider this one dead.
        """
        permit = Permit()
        permit.check = self.process.ownership_check()
        return permit

    async def record(
        self,
        change: Change,
        draft: Draft,
        on_abort: Statements,
        in_transaction: Statements | None = None,
    ) -> Operation:
        """Record an operation whose first attempt begins now, once the cloud has room for it.

        Args:
            change: the caller's change.
            draft: the operation to record.
            on_abort: the statements to run if the caller leaves before the change has begun.
            in_transaction: further statements of the same transaction.

        Raises:
            KeyInUse: when the requester's idempotency key stands for another operation.
            CloudBusy: when there was no room in time.
            StateUnavailable: when nothing can be recorded, or other processes may consider this
                one dead.
        """
        change.permit.check = self.process.ownership_check()
        draft = draft.named()
        note_operation(draft.operation_id)
        writing = asyncio.ensure_future(self._record(change, draft, on_abort, in_transaction))
        # Register the task before the row can be visible. A heartbeat may come between the commit
        # and the moment at which this coroutine learns of it.
        self.process.runs(draft.operation_id, writing)
        self._hold(draft.operation_id)  # No gap between the end of the write and the next step.
        try:
            operation = await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(lambda written: self._withdraw(written, on_abort))
            raise
        change.notify_recorded(operation)
        return operation

    async def record_done(
        self, change: Change, work: Callable[[Connection], tuple[Operation, T]]
    ) -> tuple[Operation, T]:
        """Record an operation that is complete within the transaction that records it.

        Raises:
            KeyInUse: when the requester's idempotency key stands for another operation.
            StateUnavailable: when nothing can be recorded.
            Exception: any error that the work raises; nothing is recorded then.
        """

        def record(connection: Connection) -> tuple[Operation, T]:
            self._keep_keys(connection, change.requester)
            return work(connection)

        done = await asyncio.shield(asyncio.ensure_future(self._write_done(record)))
        note_operation(done[0].id)
        _measure(done[0])
        change.notify_recorded(done[0])
        return done

    async def _write_done(
        self, work: Callable[[Connection], tuple[Operation, T]]
    ) -> tuple[Operation, T]:
        done: list[tuple[Operation, T]] = []

        def kept(connection: Connection) -> tuple[Operation, T]:
            done[:] = [work(connection)]
            return done[0]

        try:
            return await self.database.write(kept)
        except CommitUnconfirmed:
            if await self._late.find(done[0][0].id) is None:
                raise
            return done[0]

    def _keep_keys(self, connection: Connection, requester: Requester) -> None:
        """Notice a clock jump before any heartbeat does, so that it expires no idempotency key."""
        if requester.key is not None:
            self.clock.notice(connection)

    async def _record(
        self,
        change: Change,
        draft: Draft,
        on_abort: Statements,
        in_transaction: Statements | None,
    ) -> Operation:
        limit = change.cloud.settings.max_concurrent_changes

        def work(connection: Connection) -> Operation | None:
            if acquire.room(connection, draft.cloud, limit) == 0:
                return None
            self._keep_keys(connection, draft.requester)
            operation = inserts.record(connection, draft, self.process.id)
            return (
                in_transaction(connection, operation) if in_transaction is not None else None
            ) or operation

        if limit is None:
            recorded = await self._write_record(draft, work, on_abort)
            assert recorded is not None  # Without a limit there is always room.
            return recorded
        deadline = Deadline(change.cloud.guard.seconds("check"))
        with suppress(TimeoutError):
            async with self._room_turns.turn(draft.cloud, deadline.remaining()):
                operation = await self._record_in_turn(draft, work, on_abort, deadline)
            if operation is not None:
                return operation
        raise CloudBusy(
            f"Cloud {draft.cloud} has {limit} changes in progress, which is its limit",
            retry_after=1,
        )

    async def _record_in_turn(
        self,
        draft: Draft,
        work: Callable[[Connection], Operation | None],
        on_abort: Statements,
        deadline: Deadline,
    ) -> Operation | None:
        """Record an operation as soon as the cloud has room; return None if it has none in time."""
        delay = _FIRST_ROOM_DELAY
        while (operation := await self._write_record(draft, work, on_abort)) is None:
            if deadline.remaining() <= delay:
                return None
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_ROOM_DELAY)
        return operation

    async def _write_record(
        self, draft: Draft, work: Callable[[Connection], Operation | None], on_abort: Statements
    ) -> Operation | None:
        try:
            return await self.database.write(work)
        except CommitUnconfirmed:
            pass  # The operation may be recorded nevertheless.
        try:
            return await self._recorded(draft.operation_id)
        except StateUnavailable:
            self._late.run(draft.operation_id, self._abort_late(draft.operation_id, on_abort))
            raise

    async def _recorded(self, operation_id: str) -> Operation:
        """Return an operation if its unconfirmed commit has recorded it.

        Raises:
            StateUnavailable: when the operation does not show; the commit may still take effect.
        """
        found = await self._late.find(operation_id)
        if found is None or found.owner != self.process.id:
            raise StateUnavailable
        return found

    async def _abort_late(self, operation_id: str, on_abort: Statements) -> Operation | None:
        """End an operation as not begun if its unconfirmed commit has recorded it after all.

        Its caller has received StateUnavailable, so the operation must not begin.
        """
        found = await self._late.until_available(
            lambda: self.database.read(lambda c: updates.get(c, operation_id))
        )
        if found is None or found.owner != self.process.id:
            return found
        return await self.progress(found, _not_recorded(found), on_abort)

    async def progress(
        self,
        operation: Operation,
        made: Progress,
        in_transaction: Statements | None = None,
        on_superseded: Callable[[Connection], None] | None = None,
    ) -> Operation:
        """Record the result of an attempt.

        If the database stays unreachable, the result is recorded as soon as the database is back,
        provided that this process lives until then.

        Args:
            operation: the operation whose attempt runs.
            made: the result of the attempt.
            in_transaction: further statements of the same transaction.
            on_superseded: the statements to run if another process has taken over the operation.

        Raises:
            Superseded: when another process has taken over the operation.
            StateUnavailable: when the result cannot be recorded now.
        """

        def work(connection: Connection) -> Operation:
            written = updates.progress(connection, operation, made)
            return (
                in_transaction(connection, written) if in_transaction is not None else None
            ) or written

        async def write() -> Operation:
            try:
                written = await self._late.insist(work)
            except Superseded:
                return await self._superseded(operation, made, on_superseded)
            _measure(written)
            return written

        try:
            return await write()
        except OrchestratorError as error:
            error.operation_id = operation.id
            if isinstance(error, StateUnavailable):
                _log.error("result not recorded yet", operation_id=operation.id, node=made.node_id)
                self.go_on(operation, self._late.until_available(write))
            raise

    async def _superseded(
        self,
        operation: Operation,
        made: Progress,
        on_superseded: Callable[[Connection], None] | None,
    ) -> Operation:
        """Return the operation if an earlier try of ours, unconfirmed in its commit, wrote it.

        Raises:
            Superseded: when another process wrote it.
        """
        found = await self.database.read(lambda c: updates.written(c, operation, made))
        if found is not None:
            return found
        if on_superseded is not None:
            await self.database.write(on_superseded)
        raise Superseded(operation.id)

    async def reacquire(
        self, operation: Operation, limit: int | None, deadline: Deadline
    ) -> Operation | None:
        """Wait until an operation is due again and its cloud has room for it, then acquire it.

        Args:
            operation: an operation that this process has just run.
            limit: the number of changes that may be in flight in the cloud; None for any number.
            deadline: the time at which to stop waiting.

        Returns:
            The acquired operation; None when it would be due after the deadline, or when another
            process acquires it.
        """

        def work(connection: Connection) -> Operation | None:
            if acquire.room(connection, operation.cloud, limit) == 0:
                return None
            return acquire.acquire_one(connection, self.process.id, operation)

        room_delay = 0.0
        while True:
            due_in = await self.database.read(
                lambda connection: updates.seconds_until_due(connection, operation)
            )
            if due_in is None or max(due_in, room_delay) >= deadline.remaining():
                return None
            await asyncio.sleep(max(due_in, room_delay))
            acquired = await self.database.write(work)
            if acquired is not None:
                return acquired
            room_delay = min(2 * room_delay, _LONGEST_ROOM_DELAY) or _FIRST_ROOM_DELAY

    def caller_left(self, change: Change, operation: Operation, on_abort: Statements) -> None:
        """Record that an operation has not begun, because its caller has left.

        An operation that has begun is not recorded here: it is reclaimed, and its outcome is
        determined later.
        """
        if change.permit.withdraw():
            self.later(operation, _caller_left(operation), on_abort)

    def later(
        self, operation: Operation, made: Progress, in_transaction: Statements | None = None
    ) -> None:
        """Record the result of an attempt in the background; no caller waits for it."""
        self.go_on(operation, self.progress(operation, made, in_transaction))

    def go_on(
        self, operation: Operation, work: Coroutine[Any, Any, Operation]
    ) -> asyncio.Task[Operation]:
        """Run work to its end whether or not a caller waits; :meth:`drain` waits for it."""
        return self._late.run(operation.id, work)

    def _hold(self, operation_id: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.process.runs(operation_id, task)

    async def drain(self) -> None:
        """Wait until everything is recorded; try failing writes once more, then lose them."""
        await self._late.drain()

    def _withdraw(self, writing: asyncio.Future[Operation], on_abort: Statements) -> None:
        if not writing.cancelled() and writing.exception() is None:
            self.later(writing.result(), _caller_left(writing.result()), on_abort)


def _measure(operation: Operation) -> None:
    if operation.state in FINAL:
        meter().operation_ended(operation.kind, operation.state)


def _caller_left(operation: Operation) -> Progress:
    """Return the result of an operation whose caller left before it began."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code="caller_left",
        error_message="The caller disconnected before the change began",
    )


def _not_recorded(operation: Operation) -> Progress:
    """Return the result of an operation whose caller was refused with StateUnavailable."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code=StateUnavailable.code,
        error_message="The database was unavailable when the change was about to begin",
    )
