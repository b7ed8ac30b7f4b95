"""``[metrics] bind``: the metrics of a server, or of a worker alone, on an address of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests import commands, loopback
from tests.conftest import DUMMY, Server, running
from tests.stateful import wait_for

METRICS = '[metrics]\nbind = "127.0.0.1:{port}"\n'
TOKEN = "9d1f0a7be2c34856a1b0c2d3e4f50617"
_SHOWN = r"[Mm]etrics (?:at: |served +address=)(http://127\.0\.0\.1:\d+)/metrics"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(DUMMY + METRICS.format(port=0), tmp_path, workers=2) as started:
        yield started


def address(log: str) -> str:
    """Return the address of the metrics that was logged last."""
    return str(re.findall(_SHOWN, log)[-1])


def status(url: str) -> int:
    return loopback.get(url).status_code


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_metrics_are_served_there_and_nowhere_else(server: Server) -> None:
    own = address(server.log())
    for _ in range(3):
        assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200
    answer = loopback.get(f"{own}/metrics")
    assert answer.status_code == 200
    assert wait_for(
        lambda: loopback.get(f"{own}/metrics").text,
        lambda text: 'route="/api/v1/nodes",status="200"} 3.0' in text,
    )
    for path in ("/", "/health/live", "/api/v1/nodes", "/docs", "/metrics/more"):
        assert status(f"{own}{path}") == 404, path
    assert status(f"{server.url}/metrics") == 404
    assert status(f"{server.url}/health/live") == 200
    # A proxy may lead there, but no page whose name resolves to this machine.
    proxied = loopback.get(f"{own}/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    rebound = loopback.get(f"{own}/metrics", headers={"Host": "rebound.example.com"})
    assert (proxied.status_code, rebound.status_code) == (200, 403)


def test_the_address_outlives_workers_reloads_and_the_master(
    server: Server, tmp_path: Path
) -> None:
    own = address(server.log())
    for pid in (old := server.workers()):
        os.kill(pid, signal.SIGKILL)
    server.wait_for_new_workers(old)
    assert status(f"{own}/metrics") == 200  # it waits in the socket until a worker is there

    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    assert status(f"{own}/metrics") == 200

    config = tmp_path / "orchestrator.toml"
    port = free_port()
    config.write_text(DUMMY + METRICS.format(port=port))
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    moved = f"http://127.0.0.1:{port}"
    assert status(f"{moved}/metrics") == 200
    with pytest.raises(httpx2.ConnectError):
        loopback.get(f"{own}/metrics")

    taken = socket.create_server(("127.0.0.1", 0))
    with taken:
        config.write_text(DUMMY + METRICS.format(port=taken.getsockname()[1]))
        server.signal(signal.SIGHUP)
        server.wait_for_log(r"The new settings are not used.*\[metrics\] bind: cannot listen on")
    assert status(f"{moved}/metrics") == 200

    config.write_text(DUMMY + METRICS.format(port=port))
    before = len(re.findall("Metrics at: ", server.log()))
    server.signal(signal.SIGUSR2)
    server.wait_for_log("Metrics at: ", count=before + 1)
    wait_for(
        lambda: server.log().rpartition("Metrics at: ")[2],
        lambda since: f"ASGI server listening on {moved}/metrics" in since,
    )
    master = int(re.findall(r"Metrics at: .*pid=(\d+)", server.log())[-1])
    try:
        server.signal(signal.SIGTERM)
        server.process.wait(30)
        assert status(f"{moved}/metrics") == 200
    finally:
        with suppress(ProcessLookupError):
            os.kill(master, signal.SIGTERM)
        wait_for(lambda: Path(f"/proc/{master}").exists(), lambda lives: not lives)


@contextmanager
def worker(folder: Path, toml: str, **environment: str) -> Iterator[str]:
    """Run ``orchestrator worker`` alone; yield the address of its metrics."""
    (folder / "orchestrator.toml").write_text(toml)
    words = [*commands.COMMAND, "worker", "--config", str(folder / "orchestrator.toml")]
    log = folder / "worker.log"
    with log.open("wb") as stream:
        streams = (stream.fileno(), stream.fileno(), stream.fileno())
        variables = {**commands.environment_without_ours(), **environment}
        process = commands.start(words, variables, streams, folder)
    try:
        yield wait_for(lambda: re.findall(_SHOWN, log.read_text()), bool)[-1]
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


def test_a_worker_alone_serves_its_own_metrics(tmp_path: Path) -> None:
    state = f'[state]\nurl = "sqlite:///{tmp_path}/state.db"\n'
    toml = f'{DUMMY}{state}{METRICS.format(port=0)}token = "env:METRICS_TOKEN"\n'
    with worker(tmp_path, toml, METRICS_TOKEN=TOKEN) as own:
        given = {"Authorization": f"Bearer {TOKEN}"}
        found = loopback.get(f"{own}/metrics", headers=given)
        assert found.status_code == 200
        assert "orchestrator_database_up 1.0" in found.text
        assert "orchestrator_build_info" in found.text
        assert re.search(r"orchestrator_database_duration_seconds_count\{.*\} [1-9]", found.text)
        assert status(f"{own}/metrics") == 401
        assert loopback.get(f"{own}/health", headers=given).status_code == 404
        port = own.rpartition(":")[2]
        second = commands.run(
            "worker",
            environment={
                **commands.environment_without_ours(),
                "METRICS_TOKEN": TOKEN,
                "ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml"),
                "ORCHESTRATOR__METRICS__BIND": f"127.0.0.1:{port}",
            },
        )
    assert second.returncode == 1
    assert f"orchestrator: [metrics] bind: cannot listen on 127.0.0.1:{port}: " in second.stderr
    assert "Traceback" not in second.stderr
