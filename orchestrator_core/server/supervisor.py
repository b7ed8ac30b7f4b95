"""Keeps one durable worker alive beside gunicorn's web workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from orchestrator_core.run_directory import DATABASE_FACTS, Freshener, Keeper, run_directory
from orchestrator_core.server.handed import handed_over
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.snapshot import current

_PULSE: Final = "worker"
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STUCK: Final = 60.0
"""Seconds without a sign of life after which a worker is ended, as gunicorn ends its own."""

_LONGEST_LOOK: Final = 5.0
"""Seconds of silence that count between two looks, which come every second: if there were more,
the supervisor stood still as well, in a suspended machine or a paused container."""

_STEADY: Final = 60.0
"""Seconds after which a worker that ends is not taken for one that cannot start."""


def pulse(pid: int) -> Path:
    """Return the file that a durable worker touches for as long as its event loop turns."""
    return run_directory() / f"{_PULSE}-{pid}"


class _Worker:
    """A durable worker, and for how long it has shown no sign of life."""

    def __init__(self, command: list[str]) -> None:
        with handed_over() as settings:
            self.process = subprocess.Popen(command, stdin=settings)  # noqa: S603 - our own
        self._pulse = pulse(self.process.pid)
        with suppress(OSError):
            self._pulse.touch()  # one that hangs before its first beat is silent from here on
        self._beat = self._last_beat()
        self._looked = time.monotonic()
        self._silent = 0.0

    def is_stuck(self) -> bool:
        """Whether it has been silent for too long; to be asked about every second."""
        # Only whether its time changes is asked of the file: the clock may be set meanwhile.
        now, beat = time.monotonic(), self._last_beat()
        if beat is None or beat != self._beat:
            self._silent = 0.0
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
        self._silent = 0.0  # the kernel may take a while: this is not to be told every second

    def _last_beat(self) -> int | None:
        try:
            return self._pulse.stat().st_mtime_ns
        except OSError:
            return None  # somebody has cleaned up: it cannot show that it lives


class Supervisor:
    """Starts ``orchestrator worker``, and starts it again when it ends.

    Args:
        log: gunicorn's.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._worker: _Worker | None = None
        self._retiring: list[_Worker] = []
        self._started = 0.0
        self._pause = 0.0

    def look(self) -> None:
        """See to it that a worker runs, if the settings want one."""
        self._end_the_stuck()
        self._retiring = [worker for worker in self._retiring if not worker.has_ended()]
        wanted = _wanted(current())
        if self._worker is not None and self._worker.has_ended():
            self._log.warning("Durable worker (pid:%s) ended", self._worker.process.pid)
            steady = time.monotonic() - self._started > _STEADY
            self._pause = 0.0 if steady else min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._worker = None
        if self._worker is None and wanted and time.monotonic() - self._started >= self._pause:
            self._start()

    def renew(self) -> None:
        """Have a worker with the settings that are in force now."""
        if self._worker is not None:
            self._worker.process.terminate()
            self._retiring.append(self._worker)
            self._worker = None
        self._pause = 0.0
        self.look()

    def tell_to_stop(self) -> None:
        """Let the worker finish what is under way and end; start no other."""
        if self._worker is not None:
            self._retiring.append(self._worker)
            self._worker = None
        for worker in self._retiring:
            worker.process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait until the worker has ended; end it if that takes too long."""
        ends_at = time.monotonic() + seconds
        for worker in self._retiring:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.1, ends_at - time.monotonic()))
            worker.process.kill()
            worker.process.wait()
        self._retiring.clear()

    def _end_the_stuck(self) -> None:
        """End also one that is to go: as long as it beats, it may finish what is under way."""
        for worker in (*self._retiring, self._worker):
            if worker is not None and worker.is_stuck():
                # It may hold SQLite's lock: nobody could write before it is gone.
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
        except OSError as error:  # the web workers go on
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._log.error("No durable worker can be started just now: %s", error)
            return
        self._log.info("Durable worker started with pid: %s", self._worker.process.pid)


def _wanted(settings: Settings) -> bool:
    return settings.state is not None and settings.state.worker


def supervise(arbiter: Any, graceful_timeout: float) -> Supervisor:
    """Have this gunicorn master keep a durable worker, for as long as it has web workers."""
    supervisor = Supervisor(arbiter.log)
    freshener = Freshener(run_directory(), f"{_PULSE}-*")
    keeper = Keeper(run_directory(), DATABASE_FACTS)
    manage: Callable[[], None] = arbiter.manage_workers
    stop: Callable[[bool], None] = arbiter.stop

    def manage_workers() -> None:
        keeper.look()
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
