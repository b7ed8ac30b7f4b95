"""The threads of one cloud, separate from all others, so that a hanging cloud affects no other.

Callers are coroutines: they wait without a thread, in a bounded queue, up to a deadline
that is enforced here and not by the driver. Threads and queue places are divided among callers,
changes ahead of reads (:mod:`orchestrator_core.fair_queue`).

A handover between the event loop and a thread costs more than the whole answer of a fast driver.
It is therefore done for many calls at once. A thread that is awake takes one call after the other,
a second thread joins only when the first makes no progress, and all finished results are
announced to the loop together. No result waits longer than a tick.

A call is overdue when it still runs and its caller no longer waits. The driver is asked to abort
the call. If the thread still does not return, it is lost and another thread replaces it. At most
as many threads are replaced as the bulkhead has, so the number of hanging threads is bounded, and
a few hanging threads block no caller.

A thread that has been idle for a while ends (:mod:`orchestrator_core.clouds.idle_threads`), and
the next call starts a new one.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from queue import SimpleQueue
from typing import Final, TypeVar

import structlog

from orchestrator_core.clouds.aborter import Abort, Aborter
from orchestrator_core.clouds.idle_threads import OF_THIS_PROCESS, IdleThreads
from orchestrator_core.clouds.overdue import OverdueCalls
from orchestrator_core.clouds.pending_call import PendingCall
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudBusy, CloudTimeout
from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import Origin, origin, sharers

T = TypeVar("T")

_log = structlog.get_logger(__name__)

TICK: Final = 0.001
"""Seconds without progress after which another thread joins."""

GRACE: Final = 1.0
"""Seconds within which an overdue call must end before its thread counts as lost."""


class NeverAsked(CloudTimeout):
    """The deadline passed while the call waited for a thread."""


class _Ring(Enum):
    WORK = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a bulkhead in this process.

    Attributes:
        threads: the number of calls that may run at the same time.
        running: the number of calls that run.
        queue: the number of further calls that may wait.
        waiting: the number of calls that wait.
        overdue: the number of running calls without a waiting caller, including lost ones.
        lost: the number of threads that did not return and were replaced.
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
        title: the beginning of every message and thread name, for example ``Cloud aws``.
        threads: the number of calls that may run at the same time.
        queue: the number of further calls that may wait.
        idle_threads: the idle threads of the process, which decide how long one of them stays.
    """

    def __init__(
        self,
        title: str,
        *,
        threads: int,
        queue: int,
        idle_threads: IdleThreads = OF_THIS_PROCESS,
    ) -> None:
        self.title = title
        self._limit = threads
        self._capacity = threads + queue
        self._idle_threads = idle_threads
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
        self._overdue = OverdueCalls(threads)
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
            job: ordinary blocking code; it receives its deadline.
            seconds: the time that the caller waits, including time in the queue.
            abort: aborts the job that has this deadline; called when the job still runs at its
                deadline, or when the caller has left.
            total: the seconds to name in the timeout error, if this wait is part of a longer one.

        Raises:
            CloudBusy: at once, when threads and queue are full or every thread hangs; later, when
                the call must make room for one of a caller that has fewer calls.
            CloudTimeout: at the deadline; the job may still be running then.
            NeverAsked: at the deadline, when the job has not begun.
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
            del pending, timer, future  # Otherwise they and the error would keep each other alive.

    @property
    def load(self) -> Load:
        """The current load of the bulkhead."""
        with self._lock:
            return Load(
                threads=self._limit,
                running=self._running,
                queue=self._capacity - self._limit,
                waiting=len(self._queue),
                overdue=self._overdue.running,
                lost=self._overdue.lost,
            )

    def close(self) -> None:
        """End each thread after its current call; a later call would start new threads."""
        with self._lock:
            for _ in range(self._threads):
                self._bell.put(_Ring.END)
            self._bell = SimpleQueue()
            self._threads = 0

    # --- in the event loop --------------------------------------------------------------

    def _make_room(self, origins: Sequence[Origin]) -> None:
        """Find a place for a new call; if necessary, take that of another waiting call.

        Raises:
            CloudBusy: when there is no place.
        """
        spare = self._limit - self._queue.caller_limit
        if not self._overdue.has_thread_for(origins, spare):
            raise CloudBusy(
                f"{self.title} has no thread left, because its calls do not end; try again later",
                retry_after=5,
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
        return CloudBusy(f"{self.title} is busy; try again later", retry_after=1)

    def _submit(self, pending: PendingCall, origins: Sequence[Origin]) -> None:
        with self._lock:
            self._queue.add(pending, origins)
            nobody = self._awake == 0
            self._awake += nobody
        if nobody:
            self._wake_one()  # It takes this call; the next call brings the next tick.
        else:
            self._tick_later()

    def _join(self, pending: PendingCall, one: Origin) -> None:
        """Add a caller to a waiting call, which then runs in the earliest turn of its callers."""
        with self._lock:
            self._queue.join(pending, one)
        self._tick_later()

    def _wake_one(self) -> None:
        """Wake an idle thread, or start one; ``_awake`` already counts it."""
        with self._lock:
            if self._awake <= self._threads:
                # Rung under the lock: an idle thread whose time is over ends under it too, but
                # only if it has not been rung for.
                self._bell.put(_Ring.WORK)
                return
            self._threads += 1
        # Daemons: a thread that hangs in an SDK must not keep the process from ending.
        name = f"{self.title} {next(self._made)}"
        thread = threading.Thread(target=self._work, args=(self._bell,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # The machine has no thread left; the next tick tries again.
            with self._lock:
                self._threads -= 1
                self._awake -= 1
            self._tick_later()

    def _tick_later(self) -> None:
        if not self._ticking and self._loop is not None:
            self._ticking = True
            self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        # Clear the flag before fetching the results: a thread that still saw the flag set has
        # stored its result before, so this fetch includes that result.
        self._ticking = False
        self._deliver()
        if not self._queue or self._awake >= self._limit:
            return
        with self._lock:
            is_stuck = self._taken == self._taken_at_last_tick
            is_ready = self._queue.is_ready
            self._awake += is_stuck and is_ready
        if not is_ready:
            return  # The waiting calls must leave the idle threads to other callers.
        if is_stuck:
            self._wake_one()
        self._taken_at_last_tick = self._taken
        self._tick_later()

    def _deliver(self) -> None:
        self._announced = False
        while self._done:
            self._done.popleft().deliver()
        if self._queue:
            self._tick_later()  # The end of a call may allow more calls than its own thread takes.

    def _expire(self, pending: PendingCall, total: float) -> None:
        if pending.future is None or pending.future.done():
            return
        if pending.begun:
            error = CloudTimeout(f"{self.title} did not answer within {total:g} s")
        else:
            error = NeverAsked(f"{self.title} had no free thread within {total:g} s")
        pending.future.set_exception(error)

    def _leave(self, pending: PendingCall) -> None:
        """Free the place of a call whose caller no longer waits; abort the call if it runs."""
        with self._lock:
            if not pending.begun:
                self._queue.remove(pending)
                return
            if pending.ended:
                return
            self._overdue.add(pending)
        pending.deadline.end()
        if pending.abort is not None:
            self._aborter.call(pending.abort, pending.deadline)
        self._write_off_later(pending)

    def _write_off_later(self, pending: PendingCall) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_later(GRACE, self._write_off, pending)

    def _write_off(self, pending: PendingCall) -> None:
        """Replace the thread of a call that does not end, unless too many are lost already."""
        with self._lock:
            if pending.ended:
                return
            if self._overdue.write_off(pending):
                self._queue.release(pending)
                self._running -= 1
                self._awake -= 1
                self._threads -= 1
        if not pending.lost:
            self._write_off_later(pending)
            return
        _log.warning("thread lost", of=self.title, lost=self._overdue.lost)
        self._tick_later()

    # --- in the threads -----------------------------------------------------------------

    def _work(self, bell: SimpleQueue[_Ring]) -> None:
        """Run calls until the thread is replaced, told to end, or idle for too long."""
        while True:
            while (pending := self._next()) is not None:
                if not pending.is_settled:
                    pending.run()
                replaced = self._end(pending)
                self._done.append(pending)
                self._announce()
                del pending  # Otherwise its result would stay in memory until the next call.
                if replaced:
                    return
            if not self._is_rung_for(bell):
                return

    def _is_rung_for(self, bell: SimpleQueue[_Ring]) -> bool:
        """Wait for work; return False if this thread has to end."""
        while True:
            ring = self._idle_threads.wait(bell)
            if ring is not None:
                return ring is _Ring.WORK
            with self._lock:
                if bell.empty():
                    if bell is self._bell:  # After close() this thread is not counted any more.
                        self._threads -= 1
                    return False

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
        """Record the end of a call; return whether its thread was replaced meanwhile."""
        with self._lock:
            pending.ended = True
            if not pending.lost:
                self._queue.release(pending)
                self._running -= 1
            self._overdue.remove(pending)
        if pending.lost:
            _log.warning("lost thread returned", of=self.title, lost=self._overdue.lost)
        return pending.lost

    def _announce(self) -> None:
        """Announce results to the event loop, unless it will look within a tick anyway."""
        if self._announced or (self._ticking and self._queue):
            return
        self._announced = True
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            self._announced = False  # The loop is closed: the server and its callers are gone.
