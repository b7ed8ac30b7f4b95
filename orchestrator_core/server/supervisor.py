"""The supervisor of one durable worker beside gunicorn's web workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from orchestrator_core import running
from orchestrator_core.run_directory import (
    DATABASE_FACTS,
    WORKER_STARTED,
    Freshener,
    Keeper,
    inherit,
    run_directory,
)
from orchestrator_core.server.handed import handed_over
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.snapshot import current

_PULSE: Final = "worker"
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STUCK: Final = 60.0
"""The seconds without a heartbeat after which a durable worker is killed, as gunicorn does."""

_LONGEST_LOOK: Final = 5.0
"""The most seconds of silence counted between two checks, which happen every second. After a longer
time the supervisor stood still as well, in a suspended machine or a paused container.
"""

_STEADY: Final = 60.0
"""The seconds of running after which a worker that ends counts as one that started properly."""


def pulse(pid: int) -> Path:
    """Return the file that a durable worker touches while its event loop runs."""
    return run_directory() / f"{_PULSE}-{pid}"


class _Worker:
    """A durable worker, and the time since its last heartbeat.

    Attributes:
        has_started: whether it has had a heartbeat of its own.
    """

    def __init__(self, command: list[str]) -> None:
        with handed_over() as settings:
            self.process = subprocess.Popen(command, stdin=settings)  # noqa: S603 - our own
        self._pulse = pulse(self.process.pid)
        with suppress(OSError):
            self._pulse.touch()  # a worker that hangs before its first beat is noticed too
        self._beat = self._last_beat()
        self._looked = time.monotonic()
        self._silent = 0.0
        self.has_started = False

    def is_stuck(self) -> bool:
        """Return whether the worker has been silent too long; call this about every second."""
        # Only a change of the file's time counts, not its value, because the clock may be set.
        now, beat = time.monotonic(), self._last_beat()
        if beat is None or beat != self._beat:
            self._silent = 0.0
            self.has_started = beat is not None
        else:
            self._silent += min(now - self._looked, _LONGEST_LOOK)
        self._looked, self._beat = now, beat
        return self._silent > _STUCK

    def has_ended(self) -> bool:
        if self.process.poll() is None:
            return False
        with suppress(OSError):
            self._pulse.unlink()
        return True

    def kill(self) -> None:
        self.process.kill()
        self._silent = 0.0  # the kernel may need time; do not log this every second

    def _last_beat(self) -> int | None:
        try:
            return self._pulse.stat().st_mtime_ns
        except OSError:
            return None  # the file was removed and cannot show a heartbeat


class Supervisor:
    """The owner of the ``orchestrator worker`` process, which it starts again when it ends.

    Args:
        log: gunicorn's logger.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._worker: _Worker | None = None
        self._retiring: list[_Worker] = []
        self._started = 0.0
        self._pause = 0.0

    @property
    def wanted_pid(self) -> int | None:
        """The pid of the worker; 0 if the settings ask for one and none runs, None without one."""
        if self._worker is not None:
            return self._worker.process.pid
        return 0 if _wanted(current()) else None

    def look(self) -> None:
        """Make sure that a worker runs if the settings ask for one."""
        self._end_the_stuck()
        self._retiring = [worker for worker in self._retiring if not worker.has_ended()]
        wanted = _wanted(current())
        if self._worker is not None and self._worker.has_ended():
            self._log.warning("Durable worker (pid:%s) ended", self._worker.process.pid)
            steady = time.monotonic() - self._started > _STEADY
            self._pause = 0.0 if steady else min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._worker = None
        if self._worker is not None and self._worker.has_started:
            # Web workers that a reload starts need not wait for the next durable worker.
            inherit({WORKER_STARTED})
        if self._worker is None and wanted and time.monotonic() - self._started >= self._pause:
            self._start()

    def renew(self) -> None:
        """Replace the worker by one with the settings in force."""
        if self._worker is not None:
            self._worker.process.terminate()
            self._retiring.append(self._worker)
            self._worker = None
        self._pause = 0.0
        self.look()

    def tell_to_stop(self) -> None:
        """Tell the worker to finish its operations in progress and end; start no other one."""
        if self._worker is not None:
            self._retiring.append(self._worker)
            self._worker = None
        for worker in self._retiring:
            worker.process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait until the worker has ended; kill it after this many seconds."""
        ends_at = time.monotonic() + seconds
        for worker in self._retiring:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.1, ends_at - time.monotonic()))
            worker.process.kill()
            worker.process.wait()
        self._retiring.clear()

    def _end_the_stuck(self) -> None:
        """Kill every stuck worker, even a retiring one.

        A retiring worker that still has a heartbeat may finish its operations.
        """
        for worker in (*self._retiring, self._worker):
            if worker is not None and worker.is_stuck():
                # It may hold SQLite's lock; no other process could then write.
                self._log.error("Durable worker (pid:%s) is stuck", worker.process.pid)
                worker.kill()

    def _start(self) -> None:
        command = [sys.executable, "-m", "orchestrator_core.cli", "worker"]
        command += ["--supervised", str(os.getpid())]
        file = current().file
        if file is not None:
            command += ["--config", os.fspath(file)]
        self._started = time.monotonic()
        try:
            self._worker = _Worker(command)
        except OSError as error:  # the web workers continue
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._log.error("A durable worker cannot be started; trying again: %s", error)
            return
        self._log.info("Durable worker started with pid: %s", self._worker.process.pid)


def _wanted(settings: Settings) -> bool:
    return settings.state is not None and settings.state.worker


def supervise(arbiter: Any, graceful_timeout: float) -> Supervisor:
    """Make this gunicorn master keep a durable worker for as long as it has web workers."""
    supervisor = Supervisor(arbiter.log)
    freshener = Freshener(run_directory(), f"{_PULSE}-*")
    keeper = Keeper(run_directory(), DATABASE_FACTS)
    manage: Callable[[], None] = arbiter.manage_workers
    stop: Callable[[bool], None] = arbiter.stop

    def manage_workers() -> None:
        keeper.look()
        running.restore()
        manage()
        supervisor.look()
        freshener.look()

    def stop_both(graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's own
        began = time.monotonic()
        supervisor.tell_to_stop()
        stop(graceful)
        left = graceful_timeout - (time.monotonic() - began) if graceful else 0.0
        supervisor.wait(left)

    arbiter.manage_workers = manage_workers
    arbiter.stop = stop_both
    return supervisor
