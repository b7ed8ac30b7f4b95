"""Web workers that start while PostgreSQL is away: they serve at once, and connect later."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests import loopback
from tests.conftest import Server, running
from tests.databases import MakeUrl
from tests.proxy import Proxy, proxied
from tests.stateful import START, Api, settings
from tests.storm import wait_until

READY = 15.0
"""Seconds until a worker serves on a busy machine."""

LEASE = 5

AT_ONCE = 2.0
"""Seconds for an answer during a known outage."""


@dataclass
class Far:
    """A server whose database is behind a proxy."""

    server: Server
    proxy: Proxy
    url: str

    def take_away(self, way: str) -> None:
        if way == "silent":
            self.proxy.hold(self.proxy.to_client, self.proxy.to_server)
        else:
            self.proxy.refuse()

    def bring_back(self) -> None:
        self.proxy.resume()

    def kill_web(self) -> None:
        up = self.server.log().count("ASGI server listening")
        killed = self.server.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        self.server.wait_for_log("ASGI server listening", count=up + len(killed))

    def get(self, path: str, timeout: float = AT_ONCE) -> httpx2.Response:
        return loopback.get(f"{self.server.url}/api/{path}", timeout=timeout)

    def check_serves_without(self) -> None:
        assert self.get("v1/", AT_ONCE).status_code == 200
        assert self.get("v1/nodes/fake_driver", AT_ONCE).status_code == 200
        started = loopback.post(
            f"{self.server.url}/api/v1/vm/start", json=dict(START), timeout=AT_ONCE
        )
        for refused in (self.get("v2/operations"), self.get("v2/processes"), started):
            assert refused.status_code == 503, refused.text
            assert refused.json()["error_code"] == "state_unavailable"
            assert int(refused.headers["Retry-After"]) > 0

    def works(self) -> bool:
        """Return whether all workers use the database again, as far as several answers show."""
        return all(self.get("v2/operations", 60).status_code == 200 for _ in range(6))


@pytest.fixture
def far(postgres: MakeUrl, tmp_path: Path) -> Iterator[Far]:
    near = postgres()
    with proxied(near) as (proxy, url):
        shown = url.render_as_string(hide_password=False)
        state = f'url = "{shown}"\nprocess_timeout = {LEASE}\nworker = false'
        toml = settings(state, more="[server]\nworkers = 2\ngraceful_timeout = 2")
        with running(toml, tmp_path, workers=2) as server:
            yield Far(server, proxy, near)
            proxy.resume()


def alive(api: Api) -> set[str]:
    """Return the ids of processes with a heartbeat within the process timeout."""
    return {one["id"] for one in api.processes()["processes"] if one["silent"] < LEASE}


@pytest.mark.parametrize("way", ["silent", "absent"])
def test_a_worker_that_starts_meanwhile_serves_and_enters_by_itself(far: Far, way: str) -> None:
    with (api := Api(far.server)).http:
        before = alive(api)
    far.take_away(way)
    began = time.monotonic()
    far.kill_web()
    assert time.monotonic() - began < READY
    far.check_serves_without()
    workers = far.server.workers()
    far.bring_back()
    wait_until(far.works, 40)
    assert far.server.workers() == workers
    api = Api(far.server)
    with api.http:
        # One worker can have given all the answers above while the other was about to connect.
        wait_until(lambda: len(alive(api) - before) == len(workers), 3 * LEASE)
        node = api.started()
        assert api.stop(node).status_code == 200


def test_a_late_worker_ends_where_the_database_is_another_one(far: Far) -> None:
    far.take_away("absent")
    far.kill_web()
    late = far.server.workers()
    with psycopg.connect(far.url.replace("+psycopg", "")) as connection:
        connection.execute("ALTER SCHEMA public RENAME TO moved")
        connection.execute("CREATE SCHEMA public")
    far.bring_back()
    far.server.wait_for_log("process ends: database cannot be used", count=2)
    far.server.wait_for_log("is not the database that this server began with", count=3)
    wait_until(lambda: not set(late) & set(far.server.workers()), 20)  # after its last log line
    assert far.server.process.poll() is None
