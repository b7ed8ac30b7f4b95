"""The part of a reload that waits for the old workers to end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from queue import Empty
from typing import Any, Final

from orchestrator_core.run_directory import reloading

_RETRY_SECONDS: Final = 1.0
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Interrupted(Exception):
    """The server has to end; the reload then stops waiting for the old workers."""


def reload_with_care(arbiter: Any, reload: Callable[[], None], look: Callable[[], None]) -> None:
    """Run gunicorn's reload; replace a new worker that dies before the old ones have ended.

    Gunicorn waits inside its reload for the old workers, up to ``graceful_timeout`` seconds for a
    start in progress. During that time it would not replace a dead worker, so possibly no
    process accepts connections. Nor would it notice that it has to end.

    Args:
        arbiter: gunicorn's master.
        reload: the master's own method.
        look: the function that is called about ten times a second while the old workers end.
    """
    reap: Callable[[], None] = arbiter.reap_workers
    wait = _Wait(arbiter)

    def reap_and_replace() -> None:
        reap()
        wait.turn()
        look()

    arbiter.reap_workers = reap_and_replace
    try:
        with reloading():
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
            if len(arbiter.WORKERS) == before:  # the fork failed
                self._tried_at = time.monotonic()
        elif young >= arbiter.num_workers:
            self._end_the_old()
        if self._is_to_end():
            raise Interrupted

    def _end_the_old(self) -> None:
        """Send SIGTERM to each old worker once.

        Gunicorn has done this already, unless the new workers could not be forked at first.
        """
        for pid, worker in list(self._arbiter.WORKERS.items()):
            if worker.age <= self._last_age and pid not in self._told:
                self._told.add(pid)
                self._arbiter.kill_worker(pid, signal.SIGTERM)

    def _is_to_end(self) -> bool:
        """Return whether a signal to end is queued.

        The queue has no method to look at its items without taking them.
        """
        waiting = []
        try:
            while True:
                waiting.append(self._arbiter.SIG_QUEUE.get_nowait())
        except Empty:
            pass
        for number in waiting:
            self._arbiter.SIG_QUEUE.put_nowait(number)
        return bool(_ENDING & set(waiting))
