"""Hostile clouds behind the real server: status, time, and no delay for others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hostile_server as hostile
import httpx2
import psutil
import pytest
from hostile_clouds import CASES, SECRETS, Case, settings
from hostile_server import HostileServer, answer

from tests import loopback
from tests.conftest import Server, environment_without_ours, running, serve_command

SECONDS = 2.0
PATIENCE = 2.5
BRISK = 1.5

_ELSEWHERE = Case(hostile.redirect(1), "InvalidAnswer", 0, 502, "another address")
_BROKEN = Case(answer(200, b"<a><b"), "InvalidAnswer", 0, 502, "understood")
NAMES = [name for name in CASES if name not in {"broken XML", "broken JSON"}]
ALL = {**{name: CASES[name] for name in NAMES}, "elsewhere": _ELSEWHERE, "broken XML": _BROKEN}

_UNREACHABLE: dict[str, tuple[dict[str, Any], str]] = {
    "refused": ({"port": 1}, "cannot be reached"),
    "no such name": ({"host": "nowhere.invalid"}, "cannot be reached"),
}


@pytest.fixture
def servers() -> Iterator[dict[str, HostileServer]]:
    """Run a hostile server for each behaviour."""
    found = {name: HostileServer(case.behaviour) for name, case in ALL.items()}
    yield found
    for server in found.values():
        server.close()


def cloud_name(behaviour: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in behaviour)


def _section(name: str, **given: Any) -> list[str]:
    lines = [f"[clouds.{cloud_name(name)}]", 'driver = "libcloud"', "max_answer = 1", "threads = 2"]
    for key, value in given.items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    lines += [f"[clouds.{cloud_name(name)}.deadlines]", f"list_nodes = {SECONDS}", "check = 0.3"]
    # Without this, the circuit breaker would keep the later calls from their cloud.
    return [*lines, "get_node = 0.3", f"[clouds.{cloud_name(name)}.breaker]", "failures = 1000"]


@pytest.fixture
def server(servers: dict[str, HostileServer], tmp_path: Path) -> Iterator[Server]:
    """Serve a cloud for each behaviour, in one worker, and the dummy cloud."""
    lines = ['default_cloud = "fake_driver"', "[clouds.fake_driver]", 'driver = "dummy"']
    for name, server in servers.items():
        lines += _section(name, **settings("ec2", server.port))
    for name, (change, _) in _UNREACHABLE.items():
        lines += _section(name, **{**settings("ec2", 1), **change})
    config = tmp_path / "orchestrator.toml"
    config.write_text("\n".join(lines))
    secrets = {"TEST_KEY": SECRETS["key"], "TEST_SECRET": SECRETS["secret"]}
    environment = {**environment_without_ours(), **secrets}
    served = Server(serve_command(config), tmp_path / "server.log", environment)
    try:
        yield served.wait_until_up(1)
    finally:
        served.stop()


@pytest.fixture
def api(server: Server) -> Iterator[httpx2.Client]:
    """Return a client of that server."""
    with loopback.client(f"{server.url}/api/v1") as client:
        yield client


def check_brisk(api: httpx2.Client) -> None:
    begun = time.monotonic()
    assert api.get("/nodes").status_code == 200
    assert time.monotonic() - begun < BRISK


def ask(api: httpx2.Client, name: str) -> tuple[httpx2.Response, float]:
    begun = time.monotonic()
    response = api.get(f"/nodes/{cloud_name(name)}")
    return response, time.monotonic() - begun


def test_every_behaviour_at_once_has_its_status_and_the_other_cloud_is_served(
    api: httpx2.Client,
) -> None:
    expected = {name: (case.status, case.text) for name, case in ALL.items()}
    expected |= {name: (502, text) for name, (_, text) in _UNREACHABLE.items()}
    hostile.packed(100)  # now, and not in the time of the call
    with ThreadPoolExecutor(len(expected)) as pool:
        calls = {name: pool.submit(ask, api, name) for name in expected}
        while not all(call.done() for call in calls.values()):
            check_brisk(api)
            time.sleep(0.05)
    for name, (status, text) in expected.items():
        response, seconds = calls[name].result()
        body = response.json()
        # The core may repeat a read after a transient error, up to the deadline.
        is_late = body["status_code"] == 504 and ALL.get(name, _BROKEN).transient
        assert response.status_code == status or is_late, (name, body)
        assert is_late or text in body["message"] or status == 504, (name, body)
        assert seconds < SECONDS + PATIENCE, name
        for inner in ("127.0.0.1", "Traceback", "nowhere", *SECRETS.values()):
            assert inner not in response.text
    check_brisk(api)


MEBIBYTE = 2**20


def measured(worker: psutil.Process) -> tuple[int, int, int]:
    """Return threads, open files and MiB of memory, once all calls have ended."""
    counts = (worker.num_threads(), worker.num_fds())
    for _ in range(60):
        time.sleep(0.05)
        before, counts = counts, (worker.num_threads(), worker.num_fds())
        if counts == before:
            break
    return (*counts, worker.memory_info().rss // MEBIBYTE)


def round_over_everything(api: httpx2.Client, number: int) -> None:
    """Request a node from every cloud at the same time, each call with 0.3 s."""
    names = [cloud_name(name) for name in (*ALL, *_UNREACHABLE)]
    with ThreadPoolExecutor(len(names)) as pool:
        calls = [pool.submit(api.get, f"/nodes/{name}/i-{number}") for name in names]
    for name, call in zip(names, calls, strict=True):
        assert call.result().status_code in (400, 429, 502, 503, 504), (name, call.result().text)


@pytest.mark.parametrize(
    "rounds", [10, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(3000)])]
)
def test_the_worker_does_not_grow(server: Server, api: httpx2.Client, rounds: int) -> None:
    (pid,) = server.workers()
    worker = psutil.Process(pid)
    for number in range(5):
        round_over_everything(api, number)
    threads, files, memory = measured(worker)
    for number in range(rounds):
        round_over_everything(api, number)
    more_threads, more_files, more_memory = measured(worker)
    assert more_threads <= threads + 2 * len(ALL)  # A cloud's threads start on demand.
    assert more_files <= files + 2 * len(ALL)
    assert more_memory <= memory + 48
    assert server.workers() == [pid]
    check_brisk(api)


def only_with(key: Path) -> hostile.Behaviour:
    """Refuse every request that is not signed with the key that a file holds now."""
    healthy = answer(200, b'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"></R>', "text/xml")
    refusal = b"<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>"

    def behave(peer: hostile.Peer) -> object:
        right = f"Credential={key.read_text()}/".encode() in peer.request
        return (healthy if right else answer(401, refusal, "text/xml"))(peer)

    return behave


def test_credentials_that_change_are_read_anew_without_a_failed_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    key, right = tmp_path / "key", tmp_path / "right"
    for file in (key, right):
        file.write_text("AKIAOLD")
    cloud = HostileServer(only_with(right))
    given = {**settings("ec2", cloud.port), "key": f"file:{key}"}
    with running("\n".join(_section("aws", **given)), tmp_path) as server:
        url = f"{server.url}/api/v1/nodes/aws"
        assert loopback.get(url).status_code == 200
        for file in (key, right):
            file.write_text("AKIANEW")
        assert loopback.get(url).status_code == 200
        assert "credentials renewed" in server.log()
        right.write_text("AKIAOTHER")
        refused = loopback.get(url)
    assert (refused.status_code, refused.json()["error_code"]) == (502, "credentials_refused")
    assert "AKIA" not in refused.text
    cloud.close()
