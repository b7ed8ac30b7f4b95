"""Several servers over one database: shared work, and takeover of a lost server's work."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, update

from orchestrator_core.state import installation
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, processes
from tests.conftest import Serve, Server
from tests.databases import MakeUrl
from tests.stateful import Api, Json, settings, wait_for

VMS = 9
SETTLED = 0.05
"""Seconds in which the database has carried out the statements sent."""


@pytest.fixture
def url(postgres: MakeUrl) -> str:
    return postgres()


@pytest.fixture
def start(serve: Serve, tmp_path: Path, url: str) -> Iterator[Callable[[str], Api]]:
    """Return a function that starts one more server over the same database and cloud."""
    apis: list[Api] = []

    def one(cloud: str = "") -> Api:
        store = f'store = "file:{tmp_path}/cloud.db"\nrelease_wait = 0\n{cloud}'
        state = f'url = "{url}"\nprocess_timeout = 2\nconcurrency = 4\nretry_delay = 0.1\n'
        state += "max_retry_delay = 0.5"
        faults = "[clouds.fake_driver.faults]\noperations = ['stop_vm']\nlatency = 0.5"
        server = serve(settings(state, f"{store}\n{faults}"))
        server.wait_for_log("durable worker ready")
        apis.append(Api(server))
        return apis[-1]

    yield one
    for api in apis:
        api.http.close()


def assigned(api: Api) -> list[str]:
    nodes = [api.started() for _ in range(VMS)]
    for node in nodes:
        assert api.assign(node).status_code == 200
    return nodes


def kill(server: Server) -> None:
    """Kill the whole machine without notice: master, web worker and durable worker."""
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def stop_at_work(server: Server, at_work: Callable[[], int]) -> None:
    """Suspend the machine at a moment at which it has operations under way."""
    while True:
        os.killpg(server.process.pid, signal.SIGSTOP)
        time.sleep(SETTLED)
        if at_work():
            return
        os.killpg(server.process.pid, signal.SIGCONT)
        time.sleep(SETTLED)


def durable_worker(server: Server) -> int:
    found = server.wait_for_log(r"durable worker ready +pid=(\d+)")
    return int(found.group(1))


def thaw(connection: Connection) -> None:
    """Resume all processes."""
    installation.thaw(connection)
    pending = operations.c.state == "pending"
    connection.execute(update(operations).where(pending).values(next_attempt_at=0.0))


def runs(connection: Connection, pid: int) -> int:
    """Return the number of operations that a process runs."""
    owner = select(processes.c.id).where(processes.c.pid == pid).scalar_subquery()
    return connection.execute(select(func.count()).where(operations.c.owner == owner)).scalar_one()


def all_done(api: Api) -> list[Json]:
    found: list[Json] = wait_for(
        lambda: api.operations(kind="release_vm", limit="999"),
        lambda releases: all(one["state"] == "succeeded" for one in releases),
    )
    return found


def check_nothing_ran_twice_at_once(api: Api, done: list[Json]) -> None:
    for operation in done:
        history = api.operation(operation["id"])["history"]
        for earlier, later in itertools.pairwise(history):
            assert earlier["ended_at"] <= later["started_at"], operation


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(False, id="this machine", marks=pytest.mark.soak),
        pytest.param(True, id="another machine"),
    ],
)
def test_a_lost_machine_s_work_is_finished_by_the_other(
    start: Callable[[], Api], url: str, *, elsewhere: bool
) -> None:
    lost, other = start(), start()
    nodes = assigned(lost)
    database = Database(url, Path())
    database.write_now(lambda c: installation.freeze(c, "test", "until all of them wait"))
    for node in nodes:
        assert lost.release(node).json()["deletion"] == "pending"
    if elsewhere:
        # A process of another machine cannot be checked directly.
        database.write_now(
            lambda c: c.execute(update(processes).values(identity="elsewhere/1/2/3"))
        )
    database.write_now(thaw)
    pid = durable_worker(lost.server)
    wait_for(lambda: database.read_now(lambda c: runs(c, pid)), bool)
    stop_at_work(lost.server, lambda: database.read_now(lambda c: runs(c, pid)))
    kill(lost.server)
    database.close()
    done = all_done(other)
    assert len(done) == VMS
    assert other.nodes() == ["1", "2"]
    check_nothing_ran_twice_at_once(other, done)
    outcomes = {
        attempt["outcome"]
        for operation in done
        for attempt in other.operation(operation["id"])["history"]
    }
    assert "lost" in outcomes


def test_a_worker_that_comes_back_does_no_harm(start: Callable[[], Api]) -> None:
    asleep, other = start(), start()
    nodes = assigned(asleep)
    for node in nodes:
        asleep.release(node)
    pids = [durable_worker(asleep.server), *asleep.server.workers()]
    for pid in set(pids):
        os.kill(pid, signal.SIGSTOP)
    try:
        done = all_done(other)
    finally:
        for pid in set(pids):
            os.kill(pid, signal.SIGCONT)
    kept = other.started()
    wait_for(
        lambda: [one for one in other.processes()["processes"] if one["silent"] < 1],
        lambda alive: len(alive) == 4,
    )
    check_nothing_ran_twice_at_once(other, done)
    assert other.nodes() == ["1", "2", kept]
    assert [one["state"] for one in all_done(other)] == ["succeeded"] * VMS


def test_the_limit_of_a_cloud_holds_over_all_processes(
    start: Callable[[str], Api],
) -> None:
    one, two = start("max_concurrent_changes = 3"), start("max_concurrent_changes = 3")
    nodes = assigned(one)
    for node in nodes:
        (one if int(node) % 2 else two).release(node)
    most = 0
    while any(o["state"] != "succeeded" for o in one.operations(kind="release_vm")):
        most = max(most, len(one.operations(state="running")))
    assert 1 < most <= 3
    assert one.nodes() == ["1", "2"]
