"""SIGHUP takes new settings without a failed request, and refuses wrong ones."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import DUMMY, Server, running

TWO_CLOUDS = """
default_cloud = "second"
[clouds.fake_driver]
driver = "dummy"
[clouds.second]
driver = "dummy"
"""


@contextmanager
def load(url: str) -> Iterator[list[str]]:
    """Ask again and again, on new and on kept connections; yields what went wrong."""
    wrong: list[str] = []
    stop = threading.Event()

    def repeat(ask: Callable[[str], httpx2.Response]) -> None:
        while not stop.is_set():
            try:
                response = ask(url)
                if response.status_code != 200:
                    wrong.append(response.text)
            except httpx2.TransportError as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=repeat, args=(loopback.get,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def reload(server: Any, tmp_path: Path, toml: str) -> None:
    (tmp_path / "orchestrator.toml").write_text(toml, encoding="utf-8")
    server.signal(signal.SIGHUP)


def test_new_settings_take_over_without_a_failed_request(serve: Any, tmp_path: Path) -> None:
    server = serve(workers=2)
    old = server.workers()
    started = loopback.post(
        f"{server.url}/api/v1/vm/start", json={"name": "x", "image": "1", "size": "1"}
    )
    assert started.status_code == 200
    with load(f"{server.url}/api/v1/nodes/fake_driver") as wrong:
        reload(server, tmp_path, TWO_CLOUDS)
        server.wait_for_new_workers(old)
    assert wrong == []
    assert loopback.get(f"{server.url}/api/v1/nodes/second").status_code == 200
    # The same server goes on, and so does its cloud.
    assert len(loopback.get(f"{server.url}/api/v1/nodes/fake_driver").json()["nodes"]) == 3


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all wrong settings: each test leaves it with right ones."""
    with running(DUMMY, tmp_path_factory.mktemp("reloaded")) as server:
        yield server


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("not [ toml", "is not valid TOML"),
        ("[server]\nwrokers = 2\n", 'did you mean "workers"?'),
        ('[clouds.a]\ndriver = "dumy"\n', 'did you mean "dummy"?'),
        ('[clouds.a]\ndriver = "dummy"\nstor = "memory"\n', 'did you mean "store"?'),
        ('[plugins]\nrequire = ["not-there"]\n', "not-there: not installed"),
        ('[auth]\nmode = "token"\n[auth.tokens]\na = "env:NOT_SET"\n', "NOT_SET is not set"),
    ],
)
def test_wrong_settings_are_refused_and_the_old_workers_go_on(
    reloaded: Server, toml: str, why: str
) -> None:
    folder, old = reloaded.log_file.parent, reloaded.workers()
    refused = "The new settings are not used, the old workers go on"
    said = reloaded.log()
    reload(reloaded, folder, toml)
    reloaded.wait_for_log(refused, count=said.count(refused) + 1)
    assert why in reloaded.log().removeprefix(said)
    assert reloaded.workers() == old
    assert loopback.get(f"{reloaded.url}/api/v1/nodes/fake_driver").status_code == 200
    # And right ones are taken afterwards.
    reload(reloaded, folder, TWO_CLOUDS)
    reloaded.wait_for_new_workers(old)
    assert loopback.get(f"{reloaded.url}/api/v1/nodes/second").status_code == 200


@pytest.mark.soak
def test_no_request_fails_over_many_reloads(serve: Any, tmp_path: Path) -> None:
    server = serve(workers=2)
    with load(f"{server.url}/api/v1/nodes/fake_driver") as wrong:
        for _ in range(50):
            old = server.workers()
            reload(server, tmp_path, TWO_CLOUDS)
            server.wait_for_new_workers(old)
    assert wrong == []
