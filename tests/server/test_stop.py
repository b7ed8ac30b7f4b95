"""SIGTERM: requests in flight are finished."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.testing import Kind
from tests import loopback
from tests.stateful import wait_for
from tests.testing.install import installed

BOOTING = """
[clouds.booting]
driver = "booting"
[clouds.booting.deadlines]
start_vm = 60
[server]
log_level = "debug"
"""


def test_sigterm_answers_a_request_that_is_still_arriving(serve: Any) -> None:
    server = serve()
    body = b'{"name": "x", "image": "1", "size": "1"}'
    with socket.create_connection(server.address) as connection:
        connection.sendall(
            b"POST /api/v1/vm/start HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        server.wait_for_log("Worker shutting down")
        connection.sendall(body)
        connection.settimeout(10)
        assert b"200 OK" in connection.recv(65536)
    assert server.process.wait(timeout=20) == 0


def test_no_request_fails_while_the_server_stops(serve: Any) -> None:
    """Each connection that is accepted gets its answer; later ones are refused cleanly.

    The kernel may accept one more in the instant between the last check and the closing.
    """
    server = serve(workers=2)
    outcomes: list[str] = []
    all_served = threading.Barrier(5)

    def ask() -> None:
        assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200
        all_served.wait()
        while True:
            try:
                response = loopback.get(f"{server.url}/api/v1/nodes")
            except httpx2.ConnectError:
                outcomes.append("refused")
                return
            except httpx2.TransportError as error:
                outcomes.append(repr(error))
                return
            assert response.status_code == 200

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    all_served.wait()
    server.signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") >= 3, outcomes


def test_connections_that_wait_to_be_accepted_are_served(serve: Any) -> None:
    server = serve()
    (worker,) = server.workers()
    os.kill(worker, signal.SIGSTOP)
    wait_for(lambda: status(worker, "State"), lambda state: state.startswith("T"))
    request = b"GET /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(server.address, timeout=20))
            for _ in range(20)
        ]
        for client in clients:
            client.sendall(request)
        server.signal(signal.SIGTERM)
        server.wait_for_log("Handling signal: term")
        wait_for(lambda: status(worker, "ShdPnd"), is_there)
        os.kill(worker, signal.SIGCONT)
        for client in clients:
            assert b" 200 OK" in client.recv(65536)


def status(pid: int, key: str) -> str:
    """Return the kernel's status of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith(f"{key}:"))
    return found.split(":", 1)[1].strip()


def is_there(pending: str) -> bool:
    """Return whether SIGTERM is pending for a process."""
    return bool(int(pending, 16) & 1 << (signal.SIGTERM - 1))


def test_the_run_directory_goes_with_the_server(serve: Any, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    server = serve(environment={"TMPDIR": str(temporary)})
    started = {"name": "x", "image": "1", "size": "1"}
    assert loopback.post(f"{server.url}/api/v1/vm/start", json=started).status_code == 200
    (directory,) = temporary.glob("orchestrator-*")
    assert (directory / "dummy-fake_driver.db").exists()
    assert directory.stat().st_mode & 0o077 == 0
    server.stop()
    assert list(temporary.glob("orchestrator-*")) == []


def test_a_killed_worker_is_replaced_with_the_settings_that_were_in_force(
    serve: Any, tmp_path: Path
) -> None:
    """An operator's unfinished edit must not bring the server down."""
    server = serve()
    (tmp_path / "orchestrator.toml").write_text("half an ed[it", encoding="utf-8")
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    server.wait_for_log("ASGI server listening", count=2)
    assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200


def test_a_server_that_has_nothing_to_finish_ends_at_once(serve: Any) -> None:
    """It does not wait for the next heartbeat, which comes each second."""
    shortest = 9.0
    for _ in range(3):  # The machine may be busy, but not every time.
        server = serve()
        server.signal(signal.SIGTERM)
        begun = time.monotonic()
        server.wait_for_log("Worker shutting down")
        shortest = min(shortest, time.monotonic() - begun)
        if shortest < 0.5:
            break
    assert shortest < 0.5


@pytest.mark.parametrize("state", ["", '[state]\nurl = "sqlite:///state.db"\n'])
def test_a_stop_ends_the_wait_for_a_vm(serve: Any, state: str) -> None:
    """The answer says how far the VM has come; it is not awaited until the start's deadline."""
    with installed(Kind.CLOUD, "booting", "tests.server.booting_cloud:BootingCloud") as folder:
        path = os.pathsep.join((str(folder), str(Path(__file__).parents[2])))
        server = serve(state + BOOTING, environment={"PYTHONPATH": path})
        answers: list[httpx2.Response] = []
        body = {"name": "web", "image": "1", "size": "1", "wait_for": "running"}

        def start() -> None:
            url = f"{server.url}/api/v1/vm/start/booting"
            answers.append(loopback.post(url, json=body, timeout=60))

        caller = threading.Thread(target=start)
        caller.start()
        server.wait_for_log("operation=get_node")
        server.signal(signal.SIGTERM)
        begun = time.monotonic()
        caller.join()
        assert time.monotonic() - begun < 30
        assert (answers[0].status_code, answers[0].json()["reached"]) == (200, "accepted")
        assert server.process.wait(timeout=20) == 0
