"""Guards of gunicorn's master: the failure of a later worker must not end the server.

Gunicorn's main loop ends with the first exception. Each function here wraps a method of the arbiter
that can raise one while other workers serve.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn.errors import HaltServer

from orchestrator_core.server import metrics_address
from orchestrator_core.settings.snapshot import reload_number

_PAUSE: Final = 1.0
"""The seconds until the next attempt after a worker that failed to start without waiting itself."""


HELD_SIGNALS: Final = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGABRT}
)
"""Signals that are blocked from before the fork until the worker has its own handlers.

A new worker inherits the master's handlers, which put a signal into a queue that the worker never
reads. A server that has to end would then wait for that worker until ``graceful_timeout`` is over.
"""


def guard_master(arbiter: Any) -> None:
    """Protect the master from failures of its later workers."""
    _guard_spawn(arbiter)
    _guard_reap(arbiter)
    _guard_reexec(arbiter)


def _guard_spawn(arbiter: Any) -> None:
    """Retry every second to fork a worker while the system lacks a resource.

    Processes or file descriptors may be exhausted for a while, even for the last worker.
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
            os.umask(umask)  # gunicorn sets its own umask, and keeps it when the fork fails
            arbiter.log.error(  # noqa: TRY400 - the message names the lack; no frame does
                "A worker cannot be started; trying again: %s", error
            )
            return None
        finally:
            if os.getpid() == master:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        has_spawned = True
        return pid

    arbiter.spawn_worker = spawn_worker


def _guard_reap(arbiter: Any) -> None:
    """Replace a later worker whose exit status would make gunicorn end the server."""
    reap: Callable[[], None] = arbiter.reap_workers

    def reap_workers() -> None:
        while True:
            try:
                return reap()
            except HaltServer:
                if reload_number() == 1 and arbiter.worker_age <= arbiter.cfg.workers:
                    raise
            arbiter.log.error("A worker could not start; another one replaces it")
            time.sleep(_PAUSE)

    arbiter.reap_workers = reap_workers


def _guard_reexec(arbiter: Any) -> None:
    """Confine a failure of SIGUSR2 to the child, which must not act as a master.

    If the child returned to the master's main loop, it would end its parent's workers.
    """
    reexec: Callable[[], None] = arbiter.reexec
    master = os.getpid()

    def guarded() -> None:
        try:
            metrics_address.hand_on(arbiter.cfg.env_orig)
            reexec()
        except Exception as error:  # noqa: BLE001 - the old master must continue
            arbiter.log.error("No new master can be started: %s", error)  # noqa: TRY400
            if os.getpid() != master:
                os._exit(1)
            arbiter.reexec_pid = 0

    arbiter.reexec = guarded
