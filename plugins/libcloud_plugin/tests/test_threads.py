"""Concurrent calls of one cloud: each has a driver object, and its answer, to itself."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hostile_clouds import SECRETS, settings
from hostile_server import HostileServer, Peer, answer

from orchestrator_core import Deadline
from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings
from orchestrator_libcloud.sessions import Sessions

CALLS = 64
ROUNDS = 3
_NODE = """<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet>
<item><instancesSet><item><instanceId>{0}</instanceId><imageId>ami-1</imageId><instanceState>
<code>16</code><name>running</name></instanceState><tagSet/></item></instancesSet></item>
</reservationSet></DescribeInstancesResponse>"""
_REST = b'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"></R>'


def echo(peer: Peer) -> object:
    """Answer with the requested node, after a random delay."""
    time.sleep(random.uniform(0, 0.01))
    wanted = re.search(rb"InstanceId\.1=([\w-]+)", peer.request)
    body = _NODE.format(wanted[1].decode()).encode() if wanted else _REST
    return answer(200, body, "text/xml")(peer)


class Watch:
    """A recorder of which threads use which driver object at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_use: dict[int, int] = {}
        self.shared = 0
        self.threads: set[int] = set()

    @contextmanager
    def using(self, driver: Any) -> Iterator[None]:
        with self._lock:
            self.threads.add(threading.get_ident())
            self._in_use[id(driver)] = self._in_use.get(id(driver), 0) + 1
            self.shared += self._in_use[id(driver)] > 1
        try:
            yield
        finally:
            with self._lock:
                self._in_use[id(driver)] -= 1


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch, lend = Watch(), Sessions.driver

    @contextmanager
    def watched(self: Sessions, deadline: Deadline, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with lend(self, deadline, *args, **kwargs) as driver, watch.using(driver):
            yield driver

    monkeypatch.setattr(Sessions, "driver", watched)
    return watch


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("TEST_KEY", SECRETS["key"])
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    server = HostileServer(echo)
    lines = ['default_cloud = "aws"', "[clouds.aws]", 'driver = "libcloud"']
    for key, value in settings("ec2", server.port).items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    file = tmp_path / "orchestrator.toml"
    file.write_text("\n".join(lines))
    yield create_app(load_settings(file, {}))
    server.close()


async def ask_for_all(app: Any) -> None:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as http:
        for _ in range(ROUNDS):
            wanted = [f"i-{number:017x}" for number in range(CALLS)]
            answers = await asyncio.gather(*(http.get(f"/nodes/aws/{one}") for one in wanted))
            assert [said.json()["nodes"]["id"] for said in answers] == wanted


def test_no_thread_shares_a_driver_object_or_gets_another_s_answer(app: Any, watch: Watch) -> None:
    asyncio.run(ask_for_all(app))
    assert watch.shared == 0
    # Of 8 threads one is reserved for changes; a busy machine may get by with fewer.
    assert 1 < len(watch.threads) <= 7
