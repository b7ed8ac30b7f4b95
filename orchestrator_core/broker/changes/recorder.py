"""Writes down what becomes of operations that this process runs."""

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

Also = Callable[[Connection, Operation], Operation | None]
"""What else is written in the same transaction; may return the operation as it is then."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_FIRST_LOOK: Final = 0.02
_LONGEST_LOOK: Final = 0.5
_FIRST_CONFIRMATION: Final = 0.25
"""Seconds between the first looks whether an accepted deletion is done ..."""
_SOON_CONFIRMED: Final = 4
"""... and how many of them there are."""

_TRIES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between the tries to write down what has happened already, while somebody waits."""
_MOST_TRYING: Final = 5.0
"""Seconds after which nothing more is tried while somebody waits.

A database that has fallen silent takes 45 s of each try; its caller is to be answered after one.
"""
_PAUSE: Final = 5.0
"""The same when nobody waits any more."""


class Recorder:
    """Records operations for this process.

    Args:
        database: where to.
        process: this one.
        settings: how long the pauses between attempts are.
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
        """What this process makes of the database's clock."""
        return self.process.clock

    def pause(self, operation: Operation) -> float:
        """Return the seconds until an operation's next attempt."""
        settings = self._settings
        return outcome.backoff(operation.attempts, settings.pause, settings.longest_pause)

    async def retry(
        self, operation: Operation, error: OrchestratorError, *, unsettled: bool = False
    ) -> Operation:
        """Write down that an attempt failed and that another one follows after a pause.

        Args:
            operation: of which an attempt runs.
            error: why it failed.
            unsettled: whether the attempt may have done what it was to do all the same.
        """
        made = outcome.again(operation, error, self.pause(operation), unsettled=unsettled)
        return await self.progress(operation, made)

    def look_pause(self, looks: int) -> float:
        """Return the seconds until it is looked again whether an accepted deletion is done.

        Most clouds delete a VM within a second or two, some take minutes: the looks of the first
        second come one soon after the other, and each later one after twice as long.

        Args:
            looks: how often the VM was looked for since the cloud took its deletion.
        """
        settings = self._settings
        first = min(_FIRST_CONFIRMATION, settings.pause)
        return outcome.backoff(looks + 2 - _SOON_CONFIRMED, first, settings.longest_pause)

    async def next_look(self, operation: Operation, grace: float) -> float | None:
        """Return the seconds until it is looked again what has come of an unanswered change.

        A jump of the database's clock does not shorten the grace.

        Args:
            operation: of which nothing shows.
            grace: seconds for which what was asked for may still come to be.

        Returns:
            None once that is over.
        """
        ended, gained = await self.database.read(
            lambda c: (attempts.of(c, operation.id), self.clock.gained(c, grace + LAG))
        )
        left = grace - attempts.lost_for(operation, ended) + gained
        return min(left, self.pause(operation)) if left > 0 else None

    def permit(self) -> Permit:
        """Return a permit for an attempt that no caller waits for; ask the rows only after that.

        Raises:
            StateUnavailable: when this process may be taken for dead.
        """
        permit = Permit()
        permit.check = self.process.lease()
        return permit

    async def record(
        self, change: Change, draft: Draft, undo: Also, also: Also | None = None
    ) -> Operation:
        """Record an operation whose first attempt begins now, once the cloud has room for it.

        Args:
            change: the caller's.
            draft: what is recorded.
            undo: written if the caller leaves before anything has begun.
            also: written in the same transaction.

        Raises:
            KeyInUse: when the requester's key stands for another operation.
            CloudBusy: when there was no room in time.
            StateUnavailable: when nothing can be recorded, or this process may be taken for dead.
        """
        change.permit.check = self.process.lease()
        draft = draft.named()
        writing = asyncio.ensure_future(self._record(change, draft, undo, also))
        # Before the row can show: between its commit and our hearing of it much can happen.
        self.process.runs(draft.operation_id, writing)
        self._hold(draft.operation_id)  # so that nothing is between its end and what comes then
        try:
            operation = await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(lambda written: self._withdraw(written, undo))
            raise
        change.tell(operation)
        return operation

    async def record_done(
        self, change: Change, work: Callable[[Connection], tuple[Operation, T]]
    ) -> tuple[Operation, T]:
        """Record an operation that is done in the very transaction that records it.

        Raises:
            KeyInUse: when the requester's key stands for another operation.
            StateUnavailable: when nothing can be recorded.
            Exception: what the work raises; nothing is recorded then.
        """

        def record(connection: Connection) -> tuple[Operation, T]:
            self._keep_keys(connection, change.requester)
            return work(connection)

        done = await asyncio.shield(asyncio.ensure_future(self._write_done(record)))
        change.tell(done[0])
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
        """See to it that no key expires by a jump of the clock that no heartbeat has seen yet."""
        if requester.key is not None:
            self.clock.notice(connection)

    async def _record(
        self, change: Change, draft: Draft, undo: Also, also: Also | None
    ) -> Operation:
        limit = change.cloud.settings.changes

        def work(connection: Connection) -> Operation | None:
            if acquire.room(connection, draft.cloud, limit) == 0:
                return None
            self._keep_keys(connection, draft.requester)
            operation = inserts.record(connection, draft, self.process.id)
            return (also(connection, operation) if also is not None else None) or operation

        if limit is None:
            recorded = await self._write_record(draft, work, undo)
            assert recorded is not None  # there is always room
            return recorded
        deadline = Deadline(change.cloud.guard.seconds("check"))
        with suppress(TimeoutError):
            async with self._room_turns.turn(draft.cloud, deadline.remaining()):
                operation = await self._record_in_turn(draft, work, undo, deadline)
            if operation is not None:
                return operation
        raise CloudBusy(
            f"Cloud {draft.cloud} has {limit} changes under way, which is its limit", retry_after=1
        )

    async def _record_in_turn(
        self,
        draft: Draft,
        work: Callable[[Connection], Operation | None],
        undo: Also,
        deadline: Deadline,
    ) -> Operation | None:
        """Record an operation as soon as there is room; None if there is none in time."""
        look = _FIRST_LOOK
        while (operation := await self._write_record(draft, work, undo)) is None:
            if deadline.remaining() <= look:
                return None
            await asyncio.sleep(look)
            look = min(2 * look, _LONGEST_LOOK)
        return operation

    async def _write_record(
        self, draft: Draft, work: Callable[[Connection], Operation | None], undo: Also
    ) -> Operation | None:
        try:
            return await self.database.write(work)
        except CommitUnconfirmed:
            pass  # it may be recorded
        try:
            return await self._recorded(draft.operation_id)
        except StateUnavailable:
            self._keep(draft.operation_id, self._undo_late(draft.operation_id, undo))
            raise

    async def _recorded(self, operation_id: str) -> Operation:
        """Return an operation if the commit that was not answered has recorded it.

        Raises:
            StateUnavailable: when it does not show that it has: it still may.
        """
        found = await self._find(operation_id)
        if found is None or found.owner != self.process.id:
            raise StateUnavailable
        return found

    async def _find(self, operation_id: str) -> Operation | None:
        """Return an operation after a commit that was not answered; None if it does not show."""
        patience = Deadline(_MOST_TRYING)
        for pause in _TRIES:
            await asyncio.sleep(pause)
            with suppress(StateUnavailable):
                return await self.database.read(lambda c: updates.get(c, operation_id))
            if patience.remaining() <= 0:
                break
        return None

    async def _undo_late(self, operation_id: str, undo: Also) -> Operation | None:
        """Nobody has begun what its caller was told could not be recorded: see to it."""
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
            return await self.progress(found, _not_recorded(found), undo)

    async def progress(
        self,
        operation: Operation,
        made: Progress,
        also: Also | None = None,
        known: Callable[[Connection], None] | None = None,
    ) -> Operation:
        """Write down what an attempt has come to.

        Where the database is away for longer it is written as soon as it is back, if this
        process lives until then.

        Args:
            operation: of which an attempt runs.
            made: what it has come to.
            also: written in the same transaction.
            known: written if another process has taken the operation over.

        Raises:
            Superseded: when another process has taken the operation over.
            StateUnavailable: when it cannot be written now.
        """

        def work(connection: Connection) -> Operation:
            written = updates.progress(connection, operation, made)
            return (also(connection, written) if also is not None else None) or written

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
        """Return what a try has written that broke off in its commit.

        Raises:
            Superseded: when it was none of ours.
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
        """Wait until an operation is due again and its cloud has room for it, and take it.

        Args:
            operation: that this process has had a moment ago.
            limit: how many may be under way in its cloud; None for any number.
            deadline: until when to wait.

        Returns:
            None when that would be after the deadline, or when another process takes it: then
            it is somebody else's.
        """

        def work(connection: Connection) -> Operation | None:
            if acquire.room(connection, operation.cloud, limit) == 0:
                return None
            return acquire.claim_one(connection, self.process.id, operation)

        look = 0.0
        while True:
            pause = await self.database.read(
                lambda connection: updates.seconds_until_due(connection, operation)
            )
            if pause is None or max(pause, look) >= deadline.remaining():
                return None
            await asyncio.sleep(max(pause, look))
            taken = await self.database.write(work)
            if taken is not None:
                return taken
            look = min(2 * look, _LONGEST_LOOK) or _FIRST_LOOK

    def caller_left(self, change: Change, operation: Operation, undo: Also) -> None:
        """Write down that an operation was not begun, since its caller has left.

        Of one that has begun that cannot be said: it is let go, and settled.
        """
        if change.permit.withdraw():
            self.later(operation, _caller_left(operation), undo)

    def later(self, operation: Operation, made: Progress, also: Also | None = None) -> None:
        """Write down what an attempt has come to, although nobody waits for it any more."""
        self.go_on(operation, self.progress(operation, made, also))

    def go_on(
        self, operation: Operation, work: Coroutine[Any, Any, Operation]
    ) -> asyncio.Task[Operation]:
        """Let work go on whether or not somebody waits for it; the process ends after it."""
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
        """Wait until everything is written; what cannot be is tried once more, and lost."""
        self._ending.set()
        if self._late:
            await asyncio.wait(self._late)

    async def _insist(self, work: Callable[[Connection], Operation]) -> Operation:
        """The cloud has done its part: a database that is away for a moment is waited for."""
        patience = Deadline(_MOST_TRYING)
        for pause in _TRIES:
            try:
                return await self.database.write(work)
            except StateUnavailable:
                if patience.remaining() <= 0:
                    raise
                await asyncio.sleep(pause)
        return await self.database.write(work)

    def _withdraw(self, writing: asyncio.Future[Operation], undo: Also) -> None:
        if not writing.cancelled() and writing.exception() is None:
            self.later(writing.result(), _caller_left(writing.result()), undo)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("could not be written down", why=str(task.exception()))


def _caller_left(operation: Operation) -> Progress:
    """Return what becomes of an operation whose caller left before it began."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code="caller_left",
        error_message="The caller left before the change began",
    )


def _not_recorded(operation: Operation) -> Progress:
    """Return what becomes of an operation whose caller was told that it could not be recorded."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code=StateUnavailable.code,
        error_message="The database was away when it was to begin",
    )
