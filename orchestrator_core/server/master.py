"""Guards of gunicorn's master: nothing that a later worker lacks may end the server.

Gunicorn's main loop ends with the first exception. Each function here stands before a method of
the arbiter that can raise one while other workers serve.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn.errors import HaltServer

from orchestrator_core.settings.snapshot import generation

_PAUSE: Final = 1.0
"""Seconds until the next try after a worker that could not start and did not wait itself."""


HELD_SIGNALS: Final = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGABRT}
)
"""Signals that wait from before the fork until the worker has handlers of its own.

The master's handlers, which a new worker inherits, put a signal into a queue that nothing reads
there: a server that is told to end would wait for that worker until ``graceful_timeout`` is over.
"""


def guard_master(arbiter: Any) -> None:
    """Let the master outlive whatever happens to its later workers."""
    _guard_spawn(arbiter)
    _guard_reap(arbiter)
    _guard_reexec(arbiter)


def _guard_spawn(arbiter: Any) -> None:
    """Try again every second to fork a worker for which the system lacks something just now.

    A process or a file descriptor may not be had for a while, even for the last worker.
    """
    spawn: Callable[[], object] = arbiter.spawn_worker
    master, has_spawned = os.getpid(), False

    def spawn_worker() -> object:
        nonlocal has_spawned
        umask = os.umask(0)
        os.umask(umask)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
        try:
            pid = spawn()
        except OSError as error:
            if os.getpid() != master or not has_spawned:
                raise
            os.umask(umask)  # gunicorn sets its own, and leaves it so when it fails
            arbiter.log.error(  # noqa: TRY400 - the system says what it lacks, not a frame
                "No worker can be started just now: %s", error
            )
            return None
        finally:
            if os.getpid() == master:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        has_spawned = True
        return pid

    arbiter.spawn_worker = spawn_worker


def _guard_reap(arbiter: Any) -> None:
    """Replace a later worker whose exit status would have gunicorn end the server."""
    reap: Callable[[], None] = arbiter.reap_workers

    def reap_workers() -> None:
        while True:
            try:
                return reap()
            except HaltServer:
                if generation() == 1 and arbiter.worker_age <= arbiter.cfg.workers:
                    raise
            arbiter.log.error("A worker could not start; another one takes its place")
            time.sleep(_PAUSE)

    arbiter.reap_workers = reap_workers


def _guard_reexec(arbiter: Any) -> None:
    """Let SIGUSR2 fail alone: the child that cannot become a new master must not act as one.

    Back in the master's main loop it would end the workers of its parent.
    """
    reexec: Callable[[], None] = arbiter.reexec
    master = os.getpid()

    def guarded() -> None:
        try:
            reexec()
        except Exception as error:  # noqa: BLE001 - the old master goes on
            arbiter.log.error("No new master can be started: %s", error)  # noqa: TRY400
            if os.getpid() != master:
                os._exit(1)
            arbiter.reexec_pid = 0

    arbiter.reexec = guarded
