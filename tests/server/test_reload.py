"""Reloads by SIGHUP: new settings without a failed request, and wrong settings refused."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import DUMMY, Server, environment_without_ours, running

TWO_CLOUDS = """
default_cloud = "second"
[clouds.fake_driver]
driver = "dummy"
[clouds.second]
driver = "dummy"
"""


@contextmanager
def load(url: str) -> Iterator[list[str]]:
    """Send requests again and again, on new and kept connections; yield the failures."""
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
    # The same server continues, and so does its cloud.
    assert len(loopback.get(f"{server.url}/api/v1/nodes/fake_driver").json()["nodes"]) == 3


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve one server for all wrong settings: each test leaves it with correct ones."""
    with running(DUMMY, tmp_path_factory.mktemp("reloaded")) as server:
        yield server


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("not [ toml", "is not valid TOML"),
        ("[server]\nwrokers = 2\n", 'did you mean "workers"?'),
        ('[clouds.a]\ndriver = "dumy"\n', 'did you mean "dummy"?'),
        ('[clouds.a]\ndriver = "dummy"\nstor = "memory"\n', 'did you mean "store"?'),
        (DUMMY + '[plugins]\nrequire = ["not-there"]\n', "not-there: not installed"),
        (
            '[auth]\nmode = "token"\n[auth.tokens]\na = "env:NOT_SET"\n',
            "a: the environment variable that it names is not set",
        ),
    ],
)
def test_wrong_settings_are_refused_and_the_old_workers_go_on(
    reloaded: Server, toml: str, why: str
) -> None:
    folder, old = reloaded.log_file.parent, reloaded.workers()
    refused = "The new settings are not used; the old workers continue"
    said = reloaded.log()
    reload(reloaded, folder, toml)
    reloaded.wait_for_log(refused, count=said.count(refused) + 1)
    assert why in reloaded.log().removeprefix(said)
    assert reloaded.workers() == old
    assert loopback.get(f"{reloaded.url}/api/v1/nodes/fake_driver").status_code == 200
    # Correct settings are accepted afterwards.
    reload(reloaded, folder, TWO_CLOUDS)
    reloaded.wait_for_new_workers(old)
    assert loopback.get(f"{reloaded.url}/api/v1/nodes/second").status_code == 200


STATE = """
[state]
url = "sqlite:///{folder}/state.db"
worker = false
"""
TOKENS = """
[auth]
mode = "token"
tokens = {ops = "env:OPS_TOKEN"}
"""


def serve_own_bind(folder: Path, bind: str, toml: str) -> Server:
    """Serve at the settings' own address, so that a reload may change it."""
    config = folder / "orchestrator.toml"
    config.write_text(f"{toml}\n[server]\nworkers = 1\nbind = {bind!r}\n", encoding="utf-8")
    command = [sys.executable, "-m", "orchestrator_core.cli", "serve", "--config", str(config)]
    return Server(command, folder / "log", environment_without_ours()).wait_until_up(1)


@pytest.fixture(scope="module")
def movable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = serve_own_bind(tmp_path_factory.mktemp("movable"), "127.0.0.1:0", DUMMY)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("bind", "why"),
    [
        ("127.0.0.1:{taken}", "listens there; stop it"),
        ("192.0.2.1:8080", "without authentication"),
        ("unix:/nowhere/at/all/socket", "there is no folder /nowhere/at/all"),
        ("unix:{folder}/log", "there is a file that is not a socket"),
        ("unix:{folder}/" + "x" * 120, "too long"),
        ("0.0.0.0:0", "without authentication"),
    ],
)
def test_an_address_that_cannot_be_bound_is_refused(movable: Server, bind: str, why: str) -> None:
    folder, old, said = movable.log_file.parent, movable.workers(), movable.log()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wanted = bind.format(taken=listening.getsockname()[1], folder=folder)
        reload(movable, folder, f"{DUMMY}\n[server]\nworkers = 1\nbind = {wanted!r}\n")
        refused = "The new settings are not used; the old workers continue"
        movable.wait_for_log(refused, count=said.count(refused) + 1)
    assert why in movable.log().removeprefix(said)
    assert movable.workers() == old
    assert loopback.get(f"{movable.url}/api/v1/nodes").status_code == 200


def test_a_foreign_address_is_refused_although_there_are_tokens(tmp_path: Path) -> None:
    toml = DUMMY + TOKENS.replace("env:OPS_TOKEN", f"file:{tmp_path}/token")
    (tmp_path / "token").write_text("kept-for-this-test-0123456789")
    server = serve_own_bind(tmp_path, "127.0.0.1:0", toml)
    try:
        reload(server, tmp_path, f"{toml}\n[server]\nworkers = 1\nbind = '192.0.2.1:8080'\n")
        server.wait_for_log("cannot listen on 192.0.2.1:8080")
        assert loopback.get(f"{server.url}/api/v1/").status_code == 401
    finally:
        server.stop()


def test_a_new_address_is_taken(tmp_path: Path) -> None:
    server = serve_own_bind(tmp_path, "127.0.0.1:0", DUMMY)
    try:
        old, path = server.workers(), tmp_path / "socket"
        reload(server, tmp_path, f"{DUMMY}\n[server]\nworkers = 1\nbind = 'unix:{path}'\n")
        server.wait_for_new_workers(old)
        with loopback.client(transport=httpx2.HTTPTransport(uds=str(path))) as client:
            assert client.get("http://localhost/api/v1/nodes").status_code == 200
    finally:
        server.stop()


@pytest.mark.parametrize("left", ["", "default_cloud = ", DUMMY, TOKENS, "[server]\nworkers = 1\n"])
def test_settings_that_lost_a_section_are_refused(serve: Any, tmp_path: Path, left: str) -> None:
    whole = DUMMY + TOKENS + STATE.format(folder=tmp_path)
    token = {"OPS_TOKEN": "kept-for-this-test-0123456789"}
    server = serve(whole, environment=token)
    old = server.workers()
    reload(server, tmp_path, left)
    server.wait_for_log("The new settings are not used; the old workers continue")
    assert server.workers() == old
    assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 401
    if left == DUMMY:
        assert "[auth], [state] would be removed" in server.log()
        reload(server, tmp_path, 'allow_removal = ["auth", "state"]\n' + left)
        server.wait_for_new_workers(old)
        assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200


@pytest.mark.soak
def test_no_request_fails_over_many_reloads(serve: Any, tmp_path: Path) -> None:
    server = serve(workers=2)
    with load(f"{server.url}/api/v1/nodes/fake_driver") as wrong:
        for _ in range(50):
            old = server.workers()
            reload(server, tmp_path, TWO_CLOUDS)
            server.wait_for_new_workers(old)
    assert wrong == []
