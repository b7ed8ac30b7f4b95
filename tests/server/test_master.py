"""Gunicorn's master: it survives every failure of its workers."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import DUMMY, Server, environment_without_ours, serve_command
from tests.storm import wait_until

PATCHES = {
    "no fork": """
import os
fork = os.fork
def broken():
    if here():
        raise OSError(11, 'Resource temporarily unavailable')
    return fork()
os.fork = broken
""",
    "exit 3": """
import os
import gunicorn.workers.gasgi as gasgi
setup = gasgi.ASGIWorker._setup_event_loop
def broken(self):
    if here():
        os._exit(3)
    setup(self)
gasgi.ASGIWorker._setup_event_loop = broken
""",
    "no exec": """
import os
execute = os.execvpe
def broken(*arguments):
    if here():
        raise OSError(2, 'No such file or directory')
    execute(*arguments)
os.execvpe = broken
""",
}

Patched = Callable[[str], tuple[Server, Path]]


@pytest.fixture
def patched(serve: Any, tmp_path: Path) -> Patched:
    """Run a server whose Python lacks something while the returned file exists."""

    def start(name: str) -> tuple[Server, Path]:
        site, switch = tmp_path / "site", tmp_path / "switch"
        site.mkdir()
        head = f"import pathlib\ndef here():\n    return pathlib.Path({str(switch)!r}).exists()\n"
        (site / "sitecustomize.py").write_text(head + PATCHES[name])
        server: Server = serve(workers=2, environment={"PYTHONPATH": str(site)})
        return server, switch

    return start


def kill_all(server: Server) -> None:
    for pid in server.workers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def serves(server: Server) -> bool:
    return loopback.get(f"{server.url}/api/v1/nodes/fake_driver").status_code == 200


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no fork", "A worker cannot be started"),
        ("exit 3", "A worker could not start; another one replaces it"),
    ],
)
def test_a_server_without_any_worker_waits_for_the_next(
    patched: Patched, name: str, said: str
) -> None:
    server, switch = patched(name)
    switch.touch()
    kill_all(server)
    server.wait_for_log(said, count=2)
    switch.unlink()
    assert serves(server)
    assert server.process.poll() is None
    assert "Traceback" not in server.log()


def test_a_new_master_that_cannot_be_executed_harms_nothing(patched: Patched) -> None:
    server, switch = patched("no exec")
    old = server.workers()
    switch.touch()
    server.signal(signal.SIGUSR2)
    server.wait_for_log("No new master can be started")
    time.sleep(0.5)
    assert set(old) <= set(server.workers())
    assert serves(server)
    assert "Unhandled" not in server.log()


def test_a_new_master_serves_beside_the_old_one(serve: Any) -> None:
    server: Server = serve(workers=1)
    old = server.workers()
    server.signal(signal.SIGUSR2)
    server.wait_for_log("ASGI server listening", count=2)
    new = next(pid for pid in server.workers() if pid not in old)
    assert all(serves(server) for _ in range(10))
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: server.workers() == old)
    assert serves(server)
    assert "Traceback" not in server.log()


SLOW = f'{DUMMY}[clouds.fake_driver.faults]\noperations = ["start_vm"]\nlatency = "10"\n'


@pytest.fixture
def reloading(serve: Any) -> Iterator[Server]:
    """Run a server whose old worker still has a start of 10 s under way after a reload."""
    server: Server = serve(SLOW, workers=1)
    body = {"name": "x", "image": "1", "size": "1"}
    starting = threading.Thread(target=lambda: start(server, body))
    starting.start()
    time.sleep(0.5)
    server.signal(signal.SIGHUP)
    server.wait_for_log("ASGI server listening", count=2)
    yield server
    server.signal(signal.SIGINT)
    starting.join()


def start(server: Server, body: dict[str, str]) -> None:
    with suppress(httpx2.TransportError):
        loopback.post(f"{server.url}/api/v1/vm/start", json=body)


def test_a_new_worker_that_dies_before_the_old_one_has_ended_is_replaced(
    reloading: Server,
) -> None:
    new = reloading.workers()[-1]
    os.kill(new, signal.SIGKILL)
    began = time.monotonic()
    reloading.wait_for_log("ASGI server listening", count=3)
    assert serves(reloading)
    assert time.monotonic() - began < 5
    assert "Worker exiting" not in reloading.log()  # The old worker still has its start.


def test_a_reload_that_waits_for_an_old_worker_sees_that_it_is_to_end(reloading: Server) -> None:
    reloading.signal(signal.SIGINT)  # at once, whatever is under way
    began = time.monotonic()
    reloading.process.wait(20)
    assert time.monotonic() - began < 5


_PIPE = 4096
"""The bytes that the pipe of the log holds: the least that the kernel allows."""

_REQUESTS = 80
"""The requests that fill the pipe: each writes a line of more than 100 bytes."""


@pytest.mark.parametrize("reader", ["gone", "stands still"])
def test_the_reader_of_the_log_may_go_away(tmp_path: Path, reader: str) -> None:
    """A pipe without a reader fails, and a full pipe blocks."""

    config = tmp_path / "orchestrator.toml"
    config.write_text(f'{DUMMY}[server]\nlog_level = "debug"\n')
    process = subprocess.Popen(
        serve_command(config, workers=2),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment_without_ours(),
    )
    assert process.stderr is not None
    fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, _PIPE)
    try:
        said = b""
        while said.count(b"ASGI server listening") < 2:
            said += process.stderr.readline()
        found = re.search(rb"Listening at: (http://\S+) ", said)
        assert found is not None
        url = found.group(1).decode()
        if reader == "gone":
            process.stderr.close()
        with loopback.client(f"{url}/api/v1") as http:
            for _ in range(_REQUESTS):
                assert http.get("/nodes/fake_driver").status_code == 200
        process.send_signal(signal.SIGHUP)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for pid in children.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        assert loopback.get(f"{url}/api/v1/nodes/fake_driver").status_code == 200
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()
