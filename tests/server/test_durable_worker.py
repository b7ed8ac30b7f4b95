"""The durable worker: beside web workers, alone, restarted, and ended with its server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import commands
from tests.conftest import DUMMY, Serve, Server, serve_command
from tests.stateful import Api, settings, wait_for

READY = r"durable worker ready +pid=(\d+)"
STATE = settings('url = "sqlite:///state.db"')


def durable(server: Server, count: int = 1) -> int:
    return int(server.wait_for_log(READY, count).group(1))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_it_is_started_again_when_it_ends(serve: Serve) -> None:
    server = serve(STATE)
    first = durable(server)
    os.kill(first, signal.SIGKILL)
    second = durable(server, 2)
    assert second != first
    assert server.durable_workers() == [second]


def test_it_starts_and_is_renewed_in_new_interpreters(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(STATE)
    command = ["env", *serve_command(config)]
    server = Server(command, tmp_path / "log", clean_environment)
    try:
        first = durable(server.wait_until_up(1))
        assert first in server.durable_workers()
        server.signal(signal.SIGHUP)
        assert durable(server, 2) != first
    finally:
        assert server.stop() == 0


def test_it_ends_with_its_server_even_if_that_is_killed(serve: Serve) -> None:
    server = serve(STATE)
    pid = durable(server)
    os.kill(server.process.pid, signal.SIGKILL)
    wait_for(lambda: is_alive(pid), lambda alive: not alive)


def test_it_ends_if_its_server_was_gone_before_it_began(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(STATE)
    stranger = os.getppid()  # The worker's parent is not this process.
    done = commands.run("worker", "--config", str(config), "--supervised", str(stranger))
    assert done.returncode == 0, done.stderr
    assert "supervisor ended, durable worker stops" in done.stdout + done.stderr


def test_a_stopped_server_leaves_none_behind(serve: Serve) -> None:
    server = serve(STATE)
    pid = durable(server)
    assert server.stop() == 0
    assert not is_alive(pid)


def test_new_settings_bring_a_new_one(serve: Serve) -> None:
    server = serve(STATE)
    first = durable(server)
    server.signal(signal.SIGHUP)
    assert durable(server, 2) != first
    wait_for(lambda: is_alive(first), lambda alive: not alive)


def test_none_runs_where_none_is_wanted(serve: Serve) -> None:
    without = serve(STATE, environment={"ORCHESTRATOR__STATE__WORKER": "false"})
    stateless = serve(DUMMY)
    time.sleep(1.5)
    for server in (without, stateless):
        assert "durable worker" not in server.log()
        assert len(server.workers()) == 1


def test_it_can_run_alone(serve: Serve, tmp_path: Path) -> None:
    server = serve(STATE, environment={"ORCHESTRATOR__STATE__WORKER": "false"})
    api = Api(server)
    node = api.started()
    assert api.stop(node).status_code == 200
    command = [sys.executable, "-m", "orchestrator_core.cli", "worker"]
    log = tmp_path / "worker.log"
    with log.open("wb") as stream:
        alone = subprocess.Popen(
            [*command, "--config", str(tmp_path / "orchestrator.toml")],
            stdout=stream,
            stderr=stream,
        )
    try:
        (operation,) = api.operations(kind="stop_vm")
        # Its own dummy cloud starts afresh without this VM, which the worker must discover.
        assert api.settled(operation["id"])["state"] == "succeeded"
        kinds = {one["kind"] for one in api.processes()["processes"]}
        assert kinds == {"web", "worker"}
    finally:
        alone.send_signal(signal.SIGTERM)
        assert alone.wait(timeout=20) == 0, log.read_text()
        api.http.close()


def test_without_a_database_there_is_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "stateless.toml").write_text(DUMMY)
    done = commands.run("worker", "--config", str(tmp_path / "stateless.toml"))
    assert done.returncode == 1
    assert "state: is missing" in done.stderr


@pytest.mark.parametrize("module", ["sqlalchemy", "alembic"])
def test_a_server_without_a_database_does_not_load_one(tmp_path: Path, module: str) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(DUMMY)
    program = (
        "import sys; from orchestrator_core.app import create_app; "
        "from orchestrator_core.settings.load import load_settings; "
        f"create_app(load_settings({str(config)!r})); sys.exit({module!r} in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
