"""The threads of one cloud, so that a cloud that hangs costs nobody else anything.

Callers are coroutines: they wait without a thread, in a bounded queue, up to a deadline
that is enforced here and not by the driver. Threads and places are divided among callers, changes
ahead of reads (:mod:`orchestrator_core.fair_queue`).

Handing over between the event loop and a thread costs more than a fast driver's whole
answer, so it is done for many calls at once: a thread that is awake takes one call after
the other, a second one joins in only when the first makes no headway, and results
are announced to the loop once for as many as there are. No result waits longer than a tick.

A call that nobody waits for any more is overdue. The driver is asked to abort it, and when its
thread still does not come back it is lost: another takes its place, up to as many as the
bulkhead has, so that hanging threads are bounded and yet a few of them stop nobody.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from queue import SimpleQueue
from typing import Final, TypeVar

import structlog

from orchestrator_core.clouds.aborter import Abort, Aborter
from orchestrator_core.clouds.pending_call import PendingCall
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudBusy, CloudTimeout
from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import Origin, origin, sharers

T = TypeVar("T")

_log = structlog.get_logger(__name__)

TICK: Final = 0.001
"""Seconds without headway after which another thread joins in."""

GRACE: Final = 1.0
"""Seconds that an overdue call has to end before its thread is lost."""


class NeverAsked(CloudTimeout):
    """The deadline passed while the call waited for a thread."""


class _Ring(Enum):
    WORK = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Load:
    """What a bulkhead is doing, in this process.

    Attributes:
        threads: how many calls may run at the same time.
        running: how many do.
        queue: how many more may wait.
        waiting: how many do.
        overdue: running calls that nobody waits for, lost ones included.
        lost: threads that did not come back and have been replaced.
    """

    threads: int
    running: int
    queue: int
    waiting: int
    overdue: int
    lost: int


class Bulkhead:
    """A bounded pool of threads behind a bounded queue; used from one event loop at a time.

    Args:
        title: ``Cloud aws`` say; begins every message and names the threads.
        threads: how many calls may run at the same time.
        queue: how many more may wait.
    """

    def __init__(self, title: str, *, threads: int, queue: int) -> None:
        self.title = title
        self._limit = threads
        self._capacity = threads + queue
        self._inside = 0
        self._aborter = Aborter(f"{title} abort")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: FairQueue[PendingCall] = FairQueue(threads)
        self._done: deque[PendingCall] = deque()
        self._taken = 0
        self._taken_at_last_tick = 0
        self._ticking = False
        self._announced = False
        self._lock = threading.Lock()
        self._awake = 0
        self._threads = 0
        self._made = itertools.count(1)
        self._running = 0
        self._overdue = 0
        self._overdue_of: Counter[str] = Counter()
        self._lost = 0
        self._bell: SimpleQueue[_Ring] = SimpleQueue()

    async def run(
        self,
        job: Callable[[Deadline], T],
        seconds: float,
        *,
        abort: Abort | None = None,
        total: float | None = None,
    ) -> T:
        """Run ``job`` in one of the threads and return its result.

        Args:
            job: ordinary blocking code; it is given its deadline.
            seconds: how long the caller waits, queueing included.
            abort: makes the job end that was given this deadline; called when it
                still runs at its deadline, or when the caller has left.
            total: seconds to speak of at the deadline, when this is a part of a longer wait.

        Raises:
            CloudBusy: at once, when threads and queue are full or every thread hangs; later, when
                the call has to make room for one of a caller that has fewer.
            CloudTimeout: at the deadline; the job may still be running then.
            NeverAsked: at the deadline too, when the job was never begun.
        """
        shared = sharers.get()
        origins = [origin.get()] if shared is None else shared.origins
        self._make_room(origins)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._ticking, self._announced = loop, False, False
        future: asyncio.Future[T] = loop.create_future()
        pending = PendingCall(job, seconds, future, abort)
        pending.origin = origins[0]
        timer = loop.call_later(seconds, self._expire, pending, total or seconds)
        self._inside += 1
        try:
            self._submit(pending, origins)
            if shared is not None:
                shared.on_join = partial(self._join, pending)
            return await future
        finally:
            timer.cancel()
            if shared is not None:
                shared.on_join = None
            self._inside -= 1
            if not pending.ended:
                self._leave(pending)
            del pending, timer, future  # or an error would hold them, and they the error

    @property
    def load(self) -> Load:
        """What is going on in here."""
        with self._lock:
            return Load(
                threads=self._limit,
                running=self._running,
                queue=self._capacity - self._limit,
                waiting=len(self._queue),
                overdue=self._overdue,
                lost=self._lost,
            )

    def close(self) -> None:
        """Let the threads end, each after what it is doing; a later call would make new ones."""
        for _ in range(self._threads):
            self._bell.put(_Ring.END)
        self._bell = SimpleQueue()
        self._threads = 0

    # --- in the event loop --------------------------------------------------------------

    def _make_room(self, origins: Sequence[Origin]) -> None:
        """Refuse a call for which there is no place, or take the place of another one.

        Raises:
            CloudBusy: when there is none.
        """
        # One caller's calls that do not end must leave a thread to the others.
        spare = self._limit - self._queue.caller_limit
        overdue_of_one = max(self._overdue_of[one.caller] for one in origins)
        if max(self._overdue, overdue_of_one + spare) >= 2 * self._limit:
            raise CloudBusy(
                f"{self.title} does not give its threads back, try again later", retry_after=5
            )
        if self._inside < self._capacity:
            return
        with self._lock:
            pushed_out = (self._queue.push_out(one) for one in origins)
            pending = next((one for one in pushed_out if one is not None), None)
        if pending is None:
            raise self._busy()
        if pending.future is not None and not pending.future.done():
            pending.future.set_exception(self._busy())

    def _busy(self) -> CloudBusy:
        return CloudBusy(f"{self.title} is busy, try again later", retry_after=1)

    def _submit(self, pending: PendingCall, origins: Sequence[Origin]) -> None:
        with self._lock:
            self._queue.add(pending, origins)
            nobody = self._awake == 0
            self._awake += nobody
        if nobody:
            self._wake_one()
        self._tick_later()

    def _join(self, pending: PendingCall, one: Origin) -> None:
        """Let a call that waits take the turn of one more caller, if that comes first."""
        with self._lock:
            self._queue.join(pending, one)
        self._tick_later()

    def _wake_one(self) -> None:
        """Wake an idle thread, or make one; it is counted as awake already."""
        if self._awake > self._threads:
            # Daemons: a thread that hangs in an SDK must not keep the process from ending.
            name = f"{self.title} {next(self._made)}"
            thread = threading.Thread(target=self._work, args=(self._bell,), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has none left; the next tick tries again
                with self._lock:
                    self._awake -= 1
                return
            self._threads += 1
        self._bell.put(_Ring.WORK)

    def _tick_later(self) -> None:
        if not self._ticking and self._loop is not None:
            self._ticking = True
            self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        # The flag falls before the results are fetched: a thread that still saw it up has
        # put its result there before.
        self._ticking = False
        self._deliver()
        if not self._queue or self._awake >= self._limit:
            return
        with self._lock:
            is_stuck = self._taken == self._taken_at_last_tick
            is_ready = self._queue.is_ready
            self._awake += is_stuck and is_ready
        if not is_ready:
            return  # what waits has to leave the idle threads to others
        if is_stuck:
            self._wake_one()
        self._taken_at_last_tick = self._taken
        self._tick_later()

    def _deliver(self) -> None:
        self._announced = False
        while self._done:
            self._done.popleft().deliver()
        if self._queue:
            self._tick_later()  # one that ended may allow for more than its thread takes

    def _expire(self, pending: PendingCall, total: float) -> None:
        if pending.future is None or pending.future.done():
            return
        if pending.begun:
            error = CloudTimeout(f"{self.title} did not answer within {total:g} s")
        else:
            error = NeverAsked(f"{self.title} had no thread free within {total:g} s")
        pending.future.set_exception(error)

    def _leave(self, pending: PendingCall) -> None:
        """Nobody waits for this call any more: take back what it holds."""
        with self._lock:
            if not pending.begun:
                self._queue.remove(pending)
                return
            if pending.ended:
                return
            pending.overdue = True
            self._overdue += 1
            self._overdue_of[pending.origin.caller] += 1
        pending.deadline.end()
        if pending.abort is not None:
            self._aborter.tell(pending.abort, pending.deadline)
        self._write_off_later(pending)

    def _write_off_later(self, pending: PendingCall) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_later(GRACE, self._write_off, pending)

    def _write_off(self, pending: PendingCall) -> None:
        """Replace the thread of a call that does not end, if not too many hang already."""
        with self._lock:
            if pending.ended:
                return
            pending.lost = self._lost < self._limit
            if pending.lost:
                self._lost += 1
                self._queue.release(pending)
                self._running -= 1
                self._awake -= 1
                self._threads -= 1
        if not pending.lost:
            self._write_off_later(pending)
            return
        _log.warning("thread lost", of=self.title, lost=self._lost)
        self._tick_later()

    # --- in the threads -----------------------------------------------------------------

    def _work(self, bell: SimpleQueue[_Ring]) -> None:
        while bell.get() is _Ring.WORK:
            while (pending := self._next()) is not None:
                if not pending.is_settled:
                    pending.run()
                replaced = self._end(pending)
                self._done.append(pending)
                self._announce()
                del pending  # or its result would stay alive until the next call
                if replaced:
                    return

    def _next(self) -> PendingCall | None:
        with self._lock:
            pending = self._queue.take()
            if pending is None:
                self._awake -= 1
                return None
            self._taken += 1
            self._running += 1
            pending.begun = True
            return pending

    def _end(self, pending: PendingCall) -> bool:
        """Note that a call has ended; whether its thread has been replaced meanwhile."""
        with self._lock:
            pending.ended = True
            if not pending.lost:
                self._queue.release(pending)
                self._running -= 1
            if not pending.overdue:
                return False
            self._overdue -= 1
            self._overdue_of[pending.origin.caller] -= 1
            self._overdue_of += Counter()  # without those that have none
            if not pending.lost:
                return False
            self._lost -= 1
        _log.warning("lost thread came back", of=self.title, lost=self._lost)
        return True

    def _announce(self) -> None:
        """Tell the loop of results, unless it will look within a tick anyway."""
        if self._announced or (self._ticking and self._queue):
            return
        self._announced = True
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            self._announced = False  # the loop is closed: the server is gone, and who asked
