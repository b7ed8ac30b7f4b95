"""Recording of the operations that this process runs, and of their progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection

from orchestrator_core.broker.changes.room import RoomTurns
from orchestrator_core.broker.operations import acquire, attempts, inserts, outcome, updates
from orchestrator_core.broker.operations.change import Change
from orchestrator_core.broker.operations.operation import Draft, Operation, Progress, Requester
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
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.state.clock_watch import LAG, ClockWatch
from orchestrator_core.state.database import Database

Statements = Callable[[Connection, Operation], Operation | None]
"""Further statements of the same transaction; may return the operation as changed by them."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_FIRST_LOOK: Final = 0.02
_LONGEST_LOOK: Final = 0.5
_FIRST_CONFIRMATION: Final = 0.25
"""Seconds between the first checks of a VM whose deletion was accepted."""
_SOON_CONFIRMED: Final = 4
"""Number of these first checks."""

_TRIES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between the tries to record what has already happened, while a caller waits."""
_MOST_TRYING: Final = 5.0
"""Seconds after which no further try begins while a caller waits.

Each try takes 45 s when the database has fallen silent; the caller must be answered after one.
"""
_PAUSE: Final = 5.0
"""Seconds between the tries to record when no caller waits."""


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
        self._settings = settings
        self._room_turns = RoomTurns()
        self._late: set[asyncio.Task[Any]] = set()
        self._ending = asyncio.Event()

    @property
    def clock(self) -> ClockWatch:
        """The watch of this process over the database's clock."""
        return self.process.clock

    def retry_delay(self, operation: Operation) -> float:
        """Return the retry delay of an operation: the seconds until its next attempt."""
        settings = self._settings
        return outcome.backoff(operation.attempts, settings.retry_delay, settings.max_retry_delay)

    async def retry(
        self, operation: Operation, error: OrchestratorError, *, unsettled: bool = False
    ) -> Operation:
        """Record that an attempt failed and that another one follows after the retry delay.

        Args:
            operation: the operation whose attempt failed.
            error: the error of the attempt.
            unsettled: whether the attempt may have taken effect nevertheless.
        """
        made = outcome.again(operation, error, self.retry_delay(operation), unsettled=unsettled)
        return await self.progress(operation, made)

    def confirmation_delay(self, checks: int) -> float:
        """Return the seconds until the next look at a VM whose deletion was accepted.

        Most clouds delete a VM within a second or two; some take minutes. The checks of the first
        second are therefore close together, and each later delay is twice as long as the last.

        Args:
            checks: the number of checks since the cloud accepted the deletion.
        """
        settings = self._settings
        first = min(_FIRST_CONFIRMATION, settings.retry_delay)
        return outcome.backoff(checks + 2 - _SOON_CONFIRMED, first, settings.max_retry_delay)

    async def next_look(self, operation: Operation, grace: float) -> float | None:
        """Return the seconds until the next look for the effect of an unanswered change.

        A jump of the database's clock does not shorten the grace period.

        Args:
            operation: the operation whose effect does not show yet.
            grace: the seconds within which the change may still take effect.

        Returns:
            The seconds; None once the grace period is over.
        """
        ended, gained = await self.database.read(
            lambda c: (attempts.of(c, operation.id), self.clock.gained(c, grace + LAG))
        )
        left = grace - attempts.lost_for(operation, ended) + gained
        return min(left, self.retry_delay(operation)) if left > 0 else None

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
            if await self._find(done[0][0].id) is None:
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
            f"Cloud {draft.cloud} has {limit} changes under way, which is its limit", retry_after=1
        )

    async def _record_in_turn(
        self,
        draft: Draft,
        work: Callable[[Connection], Operation | None],
        on_abort: Statements,
        deadline: Deadline,
    ) -> Operation | None:
        """Record an operation as soon as the cloud has room; return None if it has none in time."""
        look = _FIRST_LOOK
        while (operation := await self._write_record(draft, work, on_abort)) is None:
            if deadline.remaining() <= look:
                return None
            await asyncio.sleep(look)
            look = min(2 * look, _LONGEST_LOOK)
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
            self._keep(draft.operation_id, self._abort_late(draft.operation_id, on_abort))
            raise

    async def _recorded(self, operation_id: str) -> Operation:
        """Return an operation if its unconfirmed commit has recorded it.

        Raises:
            StateUnavailable: when the operation does not show; the commit may still take effect.
        """
        found = await self._find(operation_id)
        if found is None or found.owner != self.process.id:
            raise StateUnavailable
        return found

    async def _find(self, operation_id: str) -> Operation | None:
        """Return an operation after an unconfirmed commit; None if it does not show."""
        patience = Deadline(_MOST_TRYING)
        for delay in _TRIES:
            await asyncio.sleep(delay)
            with suppress(StateUnavailable):
                return await self.database.read(lambda c: updates.get(c, operation_id))
            if patience.remaining() <= 0:
                break
        return None

    async def _abort_late(self, operation_id: str, on_abort: Statements) -> Operation | None:
        """End an operation as not begun if its unconfirmed commit has recorded it after all.

        Its caller has received StateUnavailable, so the operation must not begin.
        """
        while True:
            await self._rest()
            try:
                found = await self.database.read(lambda c: updates.get(c, operation_id))
            except StateUnavailable:
                if self._ending.is_set():
                    raise
                continue
            if found is None or found.owner != self.process.id:
                return found
            return await self.progress(found, _not_recorded(found), on_abort)

    async def progress(
        self,
        operation: Operation,
        made: Progress,
        in_transaction: Statements | None = None,
        known: Callable[[Connection], None] | None = None,
    ) -> Operation:
        """Record the result of an attempt.

        If the database stays unreachable, the result is recorded as soon as the database is back,
        provided that this process lives until then.

        Args:
            operation: the operation whose attempt runs.
            made: the result of the attempt.
            in_transaction: further statements of the same transaction.
            known: the statements to run if another process has taken over the operation.

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
                return await self._insist(work)
            except Superseded:
                return await self._superseded(operation, made, known)

        try:
            return await write()
        except OrchestratorError as error:
            error.operation_id = operation.id
            if isinstance(error, StateUnavailable):
                _log.error("written down later", operation=operation.id, node=made.node_id)
                self.go_on(operation, self._write_late(write))
            raise

    async def _superseded(
        self, operation: Operation, made: Progress, known: Callable[[Connection], None] | None
    ) -> Operation:
        """Return the operation if an earlier try of ours, unconfirmed in its commit, wrote it.

        Raises:
            Superseded: when another process wrote it.
        """
        found = await self.database.read(lambda c: updates.written(c, operation, made))
        if found is not None:
            return found
        if known is not None:
            await self.database.write(known)
        raise Superseded(operation.id)

    async def _write_late(self, write: Callable[[], Awaitable[Operation]]) -> Operation:
        while True:
            await self._rest()
            try:
                return await write()
            except StateUnavailable:
                if self._ending.is_set():
                    raise

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE):
                await self._ending.wait()

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

        look = 0.0
        while True:
            delay = await self.database.read(
                lambda connection: updates.seconds_until_due(connection, operation)
            )
            if delay is None or max(delay, look) >= deadline.remaining():
                return None
            await asyncio.sleep(max(delay, look))
            taken = await self.database.write(work)
            if taken is not None:
                return taken
            look = min(2 * look, _LONGEST_LOOK) or _FIRST_LOOK

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
        return self._keep(operation.id, work)

    def _keep(self, operation_id: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self.process.runs(operation_id, task)
        self._late.add(task)
        task.add_done_callback(self._ended)
        return task

    def _hold(self, operation_id: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.process.runs(operation_id, task)

    async def drain(self) -> None:
        """Wait until everything is recorded; try failing writes once more, then lose them."""
        self._ending.set()
        if self._late:
            await asyncio.wait(self._late)

    async def _insist(self, work: Callable[[Connection], Operation]) -> Operation:
        """Write, and wait for a database that is briefly unreachable.

        The cloud has acted already, so the result must not be dropped at the first error.
        """
        patience = Deadline(_MOST_TRYING)
        for delay in _TRIES:
            try:
                return await self.database.write(work)
            except StateUnavailable:
                if patience.remaining() <= 0:
                    raise
                await asyncio.sleep(delay)
        return await self.database.write(work)

    def _withdraw(self, writing: asyncio.Future[Operation], on_abort: Statements) -> None:
        if not writing.cancelled() and writing.exception() is None:
            self.later(writing.result(), _caller_left(writing.result()), on_abort)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("could not be written down", why=str(task.exception()))


def _caller_left(operation: Operation) -> Progress:
    """Return the result of an operation whose caller left before it began."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code="caller_left",
        error_message="The caller left before the change began",
    )


def _not_recorded(operation: Operation) -> Progress:
    """Return the result of an operation whose caller was refused with StateUnavailable."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code=StateUnavailable.code,
        error_message="The database was away when it was to begin",
    )
