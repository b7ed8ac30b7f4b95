"""The wait of a reload until the old workers have ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from queue import Empty
from typing import Any, Final

_RETRY_SECONDS: Final = 1.0
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Interrupted(Exception):
    """The server is to end: the old workers are not waited for any more."""


def reload_with_care(arbiter: Any, reload: Callable[[], None], look: Callable[[], None]) -> None:
    """Run gunicorn's reload; replace a new worker that dies before the old ones have ended.

    Gunicorn waits in it for the old workers, up to ``graceful_timeout`` seconds for a start that
    is under way. Meanwhile it would neither replace a dead worker, so that nothing may be left
    that accepts connections, nor see that it is to end.

    Args:
        arbiter: gunicorn's master.
        reload: its own method.
        look: called about ten times a second while the old workers end.
    """
    reap: Callable[[], None] = arbiter.reap_workers
    wait = _Wait(arbiter)

    def reap_and_replace() -> None:
        reap()
        wait.turn()
        look()

    arbiter.reap_workers = reap_and_replace
    try:
        reload()
    except Interrupted:
        pass
    finally:
        arbiter.reap_workers = reap


class _Wait:
    def __init__(self, arbiter: Any) -> None:
        self._arbiter = arbiter
        self._last_age = arbiter.worker_age
        self._tried_at = 0.0
        self._told: set[int] = set()

    def turn(self) -> None:
        arbiter = self._arbiter
        young = sum(worker.age > self._last_age for worker in arbiter.WORKERS.values())
        if young < arbiter.num_workers and time.monotonic() - self._tried_at >= _RETRY_SECONDS:
            before = len(arbiter.WORKERS)
            arbiter.spawn_worker()
            if len(arbiter.WORKERS) == before:  # it cannot be had just now
                self._tried_at = time.monotonic()
        elif young >= arbiter.num_workers:
            self._end_the_old()
        if self._is_to_end():
            raise Interrupted

    def _end_the_old(self) -> None:
        """Tell them once: gunicorn has, unless the new ones could not be forked at first."""
        for pid, worker in list(self._arbiter.WORKERS.items()):
            if worker.age <= self._last_age and pid not in self._told:
                self._told.add(pid)
                self._arbiter.kill_worker(pid, signal.SIGTERM)

    def _is_to_end(self) -> bool:
        """Look into the queue of signals, which has no look of its own."""
        waiting = []
        try:
            while True:
                waiting.append(self._arbiter.SIG_QUEUE.get_nowait())
        except Empty:
            pass
        for number in waiting:
            self._arbiter.SIG_QUEUE.put_nowait(number)
        return bool(_ENDING & set(waiting))
