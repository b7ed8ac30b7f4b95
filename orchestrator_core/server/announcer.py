"""The announcement of the server's state to the service manager."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

from orchestrator_core.server.serving import forget_others, is_serving
from orchestrator_core.server.supervisor import Supervisor
from orchestrator_core.server.systemd import Notifier
from orchestrator_core.settings.snapshot import reload_number

_MARGIN: Final = 10.0
"""The seconds that the stop may take after the last request."""

_REFUSED: Final = "STATUS=The new settings were refused; the log has the reason"


class _Phase(Enum):
    STARTING = auto()
    READY = auto()
    RELOADING = auto()
    STOPPING = auto()


class Announcer:
    """The part of gunicorn's master that tells the service manager what the server does.

    READY is sent once every web worker and the durable worker answer, at the start and after each
    reload. Old workers may still finish their requests then.

    Args:
        arbiter: the master.
        notifier: the sender.
        supervisor: the supervisor of the durable worker.
        graceful_timeout: the seconds that a stop may take.
    """

    def __init__(
        self, arbiter: Any, notifier: Notifier, supervisor: Supervisor, graceful_timeout: float
    ) -> None:
        self._arbiter = arbiter
        self._notifier = notifier
        self._supervisor = supervisor
        self._graceful_timeout = graceful_timeout
        self._phase = _Phase.STARTING
        self._last_age = 0

    def look(self) -> None:
        """Send what is due; call this at least once a second."""
        self._notifier.keep_alive()
        forget_others([*self._arbiter.WORKERS, self._supervisor.wanted_pid or 0])
        if self._phase in (_Phase.STARTING, _Phase.RELOADING) and self._all_serve():
            self._ready(f"STATUS=Serving with {self._arbiter.num_workers} web workers")

    def around_reload(self, reload: Callable[[], None]) -> None:
        """Run the master's reload, and announce its begin and its end."""
        before, number = self._phase, reload_number()
        if before is _Phase.READY:
            self._notifier.reloading()
            self._phase, self._last_age = _Phase.RELOADING, self._arbiter.worker_age
        reload()
        if self._phase is _Phase.RELOADING and reload_number() == number:
            self._ready(_REFUSED)

    def stopping(self) -> None:
        """Announce the stop once, unless another master has taken over the service."""
        if self._phase is not _Phase.STOPPING and not self._arbiter.reexec_pid:
            self._notifier.stopping(self._graceful_timeout + _MARGIN)
        self._phase = _Phase.STOPPING

    def _ready(self, status: str) -> None:
        self._phase = _Phase.READY
        # After SIGUSR2 the service has a new main process.
        taken_over = [f"MAINPID={os.getpid()}"] if self._arbiter.master_pid else []
        self._notifier.send("READY=1", *taken_over, status)

    def _all_serve(self) -> bool:
        workers = list(self._arbiter.WORKERS.items())
        serving = sum(one.age > self._last_age and is_serving(pid) for pid, one in workers)
        durable = self._supervisor.wanted_pid
        return serving >= self._arbiter.num_workers and (durable is None or is_serving(durable))


def announce(
    arbiter: Any, notifier: Notifier, supervisor: Supervisor, graceful_timeout: float
) -> Announcer:
    """Make this gunicorn master announce its state; return the announcer."""
    announcer = Announcer(arbiter, notifier, supervisor, graceful_timeout)
    manage: Callable[[], None] = arbiter.manage_workers
    stop: Callable[[bool], None] = arbiter.stop

    def manage_workers() -> None:
        manage()
        announcer.look()

    def announced_stop(graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's own
        announcer.stopping()
        stop(graceful)

    arbiter.manage_workers = manage_workers
    arbiter.stop = announced_stop
    return announcer
