"""Random kills of a server's processes, and limits of a server's resources."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psutil

from tests.conftest import Server

PATIENCE: Final = 60.0

MEMORY: Final = 220 * 2**20
"""The most memory of one process of a server, in bytes."""


class Storm:
    """Random kills of one server's processes.

    Args:
        server: a server with two web workers and a durable worker.
        luck: the random generator.
    """

    def __init__(self, server: Server, luck: random.Random) -> None:
        self._server = server
        self._luck = luck
        self.kills = 0
        self.signals = 0

    def web(self) -> list[int]:
        """Return the web workers."""
        durable = self._server.durable_workers()
        return [pid for pid in self._server.workers() if pid not in durable]

    def durable(self) -> list[int]:
        return self._server.durable_workers()

    def strike(self) -> str:
        """Do one random harm to the server; return its name."""
        ways: list[Callable[[], None]] = [
            self.kill_one,
            self.kill_one,
            self.kill_all_web,
            self.kill_durable,
            self.kill_everything,
            self.end_one,
            self.reload,
            self.reload_twice,
            self.reopen_logs,
        ]
        way = self._luck.choice(ways)
        way()
        return way.__name__

    def kill_one(self) -> None:
        self._kill(self.web()[:1], signal.SIGKILL)

    def kill_all_web(self) -> None:
        self._kill(self.web(), signal.SIGKILL)

    def kill_durable(self) -> None:
        self._kill(self.durable(), signal.SIGKILL)

    def kill_everything(self) -> None:
        self._kill(self._server.workers(), signal.SIGKILL)

    def end_one(self) -> None:
        self._kill(self.web()[:1], signal.SIGTERM)

    def reload(self) -> None:
        self.signals += 1
        self._server.signal(signal.SIGHUP)

    def reload_twice(self) -> None:
        self.reload()
        self.reload()

    def reopen_logs(self) -> None:
        self.signals += 1
        self._server.signal(signal.SIGUSR1)

    def _kill(self, pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                self.kills += 1


def check_healthy(server: Server, fds: int) -> str:
    """Check a server after a storm; return the figures.

    Args:
        server: the server, which must still run.
        fds: the number of files that the master had open at its start.
    """
    assert server.process.poll() is None, server.log()[-3000:]
    log = server.log()
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]
    assert not re.search(r"unexpected error|internal_error", log)
    master = psutil.Process(server.process.pid)
    assert master.num_fds() <= fds + 8, (master.num_fds(), fds)
    told = [f"master: {_figures(master)}"]
    for child in master.children():
        with suppress(psutil.NoSuchProcess):
            assert child.num_fds() < 128, child.num_fds()
            assert child.num_threads() < 64, child.num_threads()
            assert child.memory_info().rss < MEMORY, child.memory_info()
            told.append(_figures(child))
    return "; ".join(told)


def _figures(process: psutil.Process) -> str:
    memory = process.memory_info().rss >> 20
    return f"{process.num_fds()} fds, {process.num_threads()} threads, {memory} MiB"


def wait_until(is_so: Callable[[], bool], patience: float = PATIENCE) -> float:
    """Wait for a condition; return the seconds that it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() < began + patience, f"not within {patience} s"
        time.sleep(0.05)
    return time.monotonic() - began
