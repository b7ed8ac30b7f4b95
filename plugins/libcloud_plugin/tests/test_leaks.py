"""Leaks: threads, files and memory while a cloud misbehaves."""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile_server as hostile
import psutil
import pytest
from hostile_clouds import CASES, HEALTHY, SECRETS, before_login, settings
from hostile_server import HostileServer, answer

from orchestrator_core import Deadline, OrchestratorError, PluginContext
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.odd_items.answer_tape import Tape

MEBIBYTE = 2**20
_SOME = 60
_MANY = 1000
_SHORT = 0.05


class Clouds:
    """A hostile server in front of an EC2 and an OpenStack driver."""

    def __init__(self, folder: Path) -> None:
        self.elsewhere = HostileServer(answer(200))
        self.server = HostileServer(HEALTHY["ec2"], pace=0.02)
        self.drivers = {}
        for kind in ("ec2", "openstack"):
            given = {**settings(kind, self.server.port), "max_answer": 1}
            loaded = LibcloudDriver.settings_schema().load(given)
            self.drivers[kind] = LibcloudDriver(PluginContext("aws", folder), loaded)
        behaviours = [case.behaviour for case in CASES.values()]
        self._behaviours = itertools.cycle(
            [*behaviours, hostile.redirect(self.elsewhere.port), hostile.redirect(1, "https")]
        )

    def round(self) -> None:
        """Give both drivers the next behaviour, then check that they work again."""
        behaviour = next(self._behaviours)
        for kind, driver in self.drivers.items():
            self.server.behaviour = before_login(kind, behaviour)
            # Each call has another deadline, so that some calls end at unusual places.
            with contextlib.suppress(OrchestratorError):
                driver.check(deadline=Deadline(_SHORT))
            self.server.behaviour = before_login(kind, HEALTHY[kind])
            driver.check(deadline=Deadline(10))
        self.server.requests.clear()

    def close(self) -> None:
        for driver in self.drivers.values():
            driver.close()
        self.server.close()
        self.elsewhere.close()


def measured() -> tuple[int, int, int]:
    """Return threads, open files and MiB of memory, once all calls have ended."""
    gc.collect()
    counts = (threading.active_count(), psutil.Process().num_fds())
    for _ in range(40):
        time.sleep(0.05)
        before, counts = counts, (threading.active_count(), psutil.Process().num_fds())
        if counts == before:
            break
    return (*counts, psutil.Process().memory_info().rss // MEBIBYTE)


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    monkeypatch.setenv("TEST_KEY", SECRETS["key"])
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    clouds = Clouds(tmp_path)
    yield clouds
    clouds.close()


def test_threads_that_end_take_their_connections_along(clouds: Clouds) -> None:
    driver = clouds.drivers["ec2"]
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(driver.check, deadline=Deadline(10)).result()
    measured()
    assert len(clouds.server.lines) <= 2


@pytest.mark.parametrize(
    "rounds",
    [_SOME, pytest.param(_MANY, marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
def test_rounds_over_everything(clouds: Clouds, rounds: int) -> None:
    for _ in range(len(CASES) + 2):
        clouds.round()
    threads, files, memory = measured()
    for _ in range(rounds):
        clouds.round()
    more_threads, more_files, more_memory = measured()
    assert more_threads <= threads + 2
    assert more_files <= files + 4
    assert more_memory <= memory + 32


def test_a_list_leaves_nothing_to_the_collector(clouds: Clouds) -> None:
    """Its answer would be kept until the collector stops the whole process to find it."""
    gc.collect()
    before = tapes()
    gc.disable()
    try:
        clouds.drivers["ec2"].list_nodes(deadline=Deadline(10))
        assert len(tapes()) == len(before)
    finally:
        gc.enable()


def tapes() -> list[Tape]:
    """Return every tape in memory; other tests of this process may have left some."""
    return [one for one in gc.get_objects() if isinstance(one, Tape)]
