"""Notifications to systemd, received on a real socket as systemd would."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.server.systemd import Notifier
from orchestrator_core.testing import Kind
from tests import loopback
from tests.commands import COMMAND, start
from tests.conftest import DUMMY
from tests.server.gated_cloud import GATE
from tests.stateful import settings
from tests.testing.install import installed

ROOT = Path(__file__).parents[2]
GATED = '[clouds.gated]\ndriver = "gated"\n'
PATIENCE = 20.0


class Manager:
    """The receiving side of NOTIFY_SOCKET.

    Attributes:
        received: each notification, with the sender's lines by their names.
    """

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0.1)
        self._done = threading.Event()
        self.received: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def wait_for(self, name: str, count: int = 1) -> dict[str, str]:
        """Return the ``count``-th notification with a line of that name."""
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at:
            if len(self.named(name)) >= count:
                return self.named(name)[count - 1]
            time.sleep(0.02)
        raise AssertionError(self.received)

    def named(self, name: str) -> list[dict[str, str]]:
        return [one for one in self.received if name in one]

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._done.is_set():
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            lines = (line.partition("=") for line in data.decode().splitlines())
            self.received.append({name: value for name, _, value in lines})


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Manager, str]]:
    """Return a manager, and its address as NOTIFY_SOCKET has it."""
    with closing(Manager(str(tmp_path / "notify"))) as manager:
        yield manager, str(tmp_path / "notify")


def test_ready_is_sent_only_when_the_workers_answer(
    told: tuple[Manager, str], serve: Any, tmp_path: Path
) -> None:
    manager, name = told
    gate = tmp_path / "gate"
    with installed(Kind.CLOUD, "gated", "tests.server.gated_cloud:GatedCloud") as folder:
        path = {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        server = serve(
            settings(f'url = "sqlite:///{tmp_path}/state.db"') + GATED,
            workers=2,
            environment={"NOTIFY_SOCKET": name, GATE: str(gate), **path},
            up=False,
        )
        server.wait_for_log("Listening at")
        time.sleep(1.5)  # gunicorn itself would have sent READY at once
        assert manager.named("READY") == []
        gate.touch()
        assert "2 web workers" in manager.wait_for("READY")["STATUS"]
        server.wait_until_up(2)
        assert loopback.get(f"{server.url}/health/ready").json() == {"status": "ok"}
    assert len(manager.named("READY")) == 1


def test_a_reload_is_announced_until_the_new_workers_answer(
    serve: Any, told: tuple[Manager, str]
) -> None:
    manager, name = told
    server = serve(environment={"NOTIFY_SOCKET": name})
    manager.wait_for("READY")
    old = server.workers()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    server.signal(signal.SIGHUP)
    begun = int(manager.wait_for("RELOADING")["MONOTONIC_USEC"])
    assert before <= begun <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.wait_for("READY", 2)
    assert set(server.workers()) - set(old)


def test_a_refused_reload_ends_with_the_reason(
    serve: Any, told: tuple[Manager, str], tmp_path: Path
) -> None:
    manager, name = told
    server = serve(environment={"NOTIFY_SOCKET": name})
    manager.wait_for("READY")
    (tmp_path / "orchestrator.toml").write_text("default_cloud = 1")
    server.signal(signal.SIGHUP)
    manager.wait_for("RELOADING")
    assert "refused" in manager.wait_for("READY", 2)["STATUS"]


def test_a_stop_is_announced_with_the_time_that_it_may_take(
    serve: Any, told: tuple[Manager, str]
) -> None:
    manager, name = told
    server = serve(f"{DUMMY}[server]\ngraceful_timeout = 7\n", environment={"NOTIFY_SOCKET": name})
    manager.wait_for("READY")
    server.stop()
    (stopping,) = manager.named("STOPPING")
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 7_000_000


def test_the_watchdog_is_fed_at_least_twice_in_its_time(
    serve: Any, told: tuple[Manager, str]
) -> None:
    manager, name = told
    server = serve(environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "4000000"})
    begun = time.monotonic()
    manager.wait_for("WATCHDOG", 3)
    assert time.monotonic() - begun < 10
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    fed = len(manager.named("WATCHDOG"))
    time.sleep(2.5)
    assert len(manager.named("WATCHDOG")) == fed
    os.kill(server.process.pid, signal.SIGCONT)


def test_an_abstract_socket_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"orchestrator-{os.getpid()}-{time.monotonic_ns()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with closing(Manager(f"\0{name}")) as manager:
        Notifier.take().send("READY=1")
        manager.wait_for("READY")


def test_a_watchdog_of_another_process_is_not_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    notifier = Notifier.take()
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr(notifier, "send", lambda *lines: sent.append(lines))
    notifier.keep_alive()
    assert sent == []
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


def test_a_durable_worker_of_its_own_unit_is_announced_too(
    told: tuple[Manager, str], tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    manager, name = told
    config = tmp_path / "orchestrator.toml"
    config.write_text(settings(f'url = "sqlite:///{tmp_path}/state.db"'))
    variables = {**clean_environment, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "4000000"}
    with (tmp_path / "log").open("wb") as log, Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), log.fileno(), log.fileno())
        command = [*COMMAND, "worker", "--config", str(config)]
        process = start(command, variables, streams)
    manager.wait_for("READY")
    manager.wait_for("WATCHDOG")
    process.terminate()
    manager.wait_for("STOPPING")
    assert process.wait(timeout=PATIENCE) == 0
