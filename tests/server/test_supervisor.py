"""The supervisor's detection of stuck durable workers, with clocks that the test moves."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.run_directory import VARIABLE
from orchestrator_core.server import supervisor as module
from orchestrator_core.server.supervisor import Supervisor, pulse
from orchestrator_core.settings import snapshot
from orchestrator_core.settings.load import load_settings
from tests.stateful import settings, wait_for

HANGS = "#!/bin/sh\nexec sleep 600\n"


class Clock:
    """The module ``time`` of a machine whose clocks only the test moves."""

    def __init__(self) -> None:
        self.wall = time.time()
        self.since_start = 1000.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.since_start

    def goes_on(self, seconds: float) -> None:
        self.wall += seconds
        self.since_start += seconds


class Log:
    """A recorder of gunicorn's log calls."""

    def __init__(self) -> None:
        self.text = ""

    def info(self, line: str, *values: object) -> None:
        self.text += line % values + "\n"

    warning = error = info


class Watched:
    """A supervisor whose workers hang: they have heartbeats only when the test makes them."""

    def __init__(self, clock: Clock, directory: Path) -> None:
        self.clock = clock
        self.directory = directory
        self._log = Log()
        self.supervisor = Supervisor(self._log)
        self.supervisor.look()

    @property
    def pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"started with pid: (\d+)", self._log.text)]

    @property
    def stuck(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"\(pid:(\d+)\) is stuck", self._log.text)]

    def beat(self, pid: int) -> None:
        pulse(pid).touch()
        os.utime(pulse(pid), (self.clock.wall, self.clock.wall))

    def look(self, seconds: int, *beating: int) -> None:
        """Check every second for this long; the named workers have heartbeats as often."""
        for _ in range(seconds):
            self.clock.goes_on(1.0)
            for pid in beating:
                self.beat(pid)
            self.supervisor.look()

    def gone(self, pid: int) -> bool:
        self.supervisor.look()
        return not Path(f"/proc/{pid}").exists()

    def renewed(self) -> tuple[int, int]:
        """Renew the settings; return the old worker, which cannot end, and the new one."""
        (old,) = self.pids
        self.beat(old)
        os.kill(old, signal.SIGSTOP)
        os.waitpid(old, os.WUNTRACED)  # SIGTERM does not reach it from here on.
        self.supervisor.renew()
        return old, self.pids[1]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watched]:
    directory, config, python = (tmp_path / name for name in ("run", "orchestrator.toml", "python"))
    directory.mkdir()
    config.write_text(settings('url = "sqlite:///state.db"'))
    python.write_text(HANGS)
    python.chmod(0o700)
    clock = Clock()
    monkeypatch.setenv(VARIABLE, str(directory))
    monkeypatch.setattr(snapshot._Snapshot, "settings", load_settings(config))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(module, "time", clock)
    made = Watched(clock, directory)
    yield made
    made.supervisor.tell_to_stop()
    made.supervisor.wait(0.0)


def test_one_that_hangs_before_its_first_beat_is_replaced(watched: Watched) -> None:
    (first,) = watched.pids
    watched.look(59)
    assert watched.stuck == []
    watched.look(3)
    assert watched.stuck == [first]
    wait_for(lambda: watched.gone(first), lambda gone: gone)
    assert len(watched.pids) == 2


def test_one_that_beats_no_more_is_replaced(watched: Watched) -> None:
    (first,) = watched.pids
    watched.look(200, first)
    assert watched.stuck == []
    watched.look(62)
    assert watched.stuck == [first]


def test_one_that_is_to_go_and_hangs_is_ended(watched: Watched) -> None:
    """It may hold SQLite's lock."""
    old, new = watched.renewed()
    watched.look(62, new)
    assert watched.stuck == [old]
    wait_for(lambda: watched.gone(old), lambda gone: gone)
    assert watched.pids == [old, new]


def test_one_that_is_to_go_and_beats_may_take_its_time(watched: Watched) -> None:
    old, new = watched.renewed()
    watched.look(300, old, new)
    assert watched.stuck == []
    assert not watched.gone(old)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_setting_the_clock_kills_no_worker(watched: Watched, step: float) -> None:
    (first,) = watched.pids
    watched.look(5, first)
    watched.clock.wall += step
    watched.look(5)
    watched.look(100, first)
    assert watched.stuck == []


def test_setting_the_clock_saves_no_stuck_worker(watched: Watched) -> None:
    (first,) = watched.pids
    watched.look(5, first)
    watched.clock.wall -= 3600.0
    watched.look(62)
    assert watched.stuck == [first]


def test_one_that_slept_with_its_machine_is_not_stuck(watched: Watched) -> None:
    (first,) = watched.pids
    watched.look(5, first)
    watched.clock.goes_on(3600.0)
    watched.look(1)
    watched.look(5, first)
    assert watched.stuck == []


def test_one_that_has_no_place_to_beat_is_left_alone(watched: Watched) -> None:
    """The files in ``/tmp`` were deleted: each new worker could not have heartbeats either."""
    watched.look(5)
    shutil.rmtree(watched.directory)
    watched.look(200)
    assert watched.stuck == []


def test_who_has_ended_leaves_nothing_behind(watched: Watched) -> None:
    (first,) = watched.pids
    assert pulse(first).exists()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: watched.gone(first), lambda gone: gone)
    assert not pulse(first).exists()
