"""Workers that cannot be replaced for a time: the server keeps running."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import orchestrator_dummy
from tests import loopback

SETTINGS = """
[clouds.fake_driver]
driver = "dummy"
[clouds.other]
driver = "passing"
[plugins]
require = ["passing"]
"""


def install(target: Path) -> None:
    """Install a copy of the dummy plugin there, under another name."""
    assert orchestrator_dummy.__file__
    shutil.copytree(Path(orchestrator_dummy.__file__).parent, target / "orchestrator_dummy")
    metadata = target / "passing-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: passing\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[orchestrator.clouds.v1]\npassing = orchestrator_dummy:DummyDriver\n"
    )


def test_the_other_workers_go_on_until_it_can(serve: Any, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install(target)
    server = serve(SETTINGS, workers=2, environment={"PYTHONPATH": str(target)})
    server.wait_for_log("ASGI server listening", count=2)
    shutil.rmtree(target)
    first, _second = server.workers()
    os.kill(first, signal.SIGKILL)
    server.wait_for_log("passing: not installed")
    for _ in range(10):
        assert loopback.get(f"{server.url}/api/v1/nodes/other").status_code == 200
    install(target)
    server.wait_for_log("ASGI server listening", count=3)
    assert server.process.poll() is None


def kill_one(server: Any) -> None:
    """Kill a worker, and wait until its replacement serves or reports why it cannot."""
    up = server.log().count("ASGI server listening")
    os.kill(server.workers()[0], signal.SIGKILL)
    server.wait_for_log("ASGI server listening", count=up + 1)


def test_a_token_file_that_is_gone_keeps_no_worker_from_starting(
    serve: Any, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("kept-for-this-test-0123456789")
    toml = f'[auth]\nmode = "token"\ntokens = {{ops = "file:{token}"}}\n'
    server = serve(toml)
    token.unlink()
    kill_one(server)
    headers = {"X-Auth-Token": "kept-for-this-test-0123456789"}
    assert loopback.get(f"{server.url}/api/v1/", headers=headers).status_code == 200


@pytest.mark.parametrize("harm", ["removed", "a file"])
def test_a_run_directory_that_is_gone_does_not_end_the_server(
    serve: Any, tmp_path: Path, harm: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    server = serve(workers=2, environment={"ORCHESTRATOR_RUN_DIRECTORY": str(run)})
    # Renamed first, because the workers still write files into it.
    shutil.rmtree(run.rename(tmp_path / "gone"))
    if harm == "a file":
        run.write_text("")
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)  # Both are forked again, with nothing in the directory's place.
    assert server.process.poll() is None
    if run.is_file():
        run.unlink()
    run.mkdir(exist_ok=True)
    server.wait_for_log("ASGI server listening", count=4)
    wait_for_nodes(server)


def wait_for_nodes(server: Any) -> None:
    """Wait until every worker's cloud serves: a failed one is tried again after 10 s."""
    ends_at = time.monotonic() + 20
    good = 0
    while good < 5:
        assert time.monotonic() < ends_at
        served = loopback.get(f"{server.url}/api/v1/nodes/fake_driver").status_code == 200
        good = good + 1 if served else 0
        time.sleep(0.05)


def test_whatever_a_later_worker_raises_the_server_goes_on(serve: Any, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    broken.mkdir()
    switch = tmp_path / "broken"
    (broken / "sitecustomize.py").write_text(
        "import gunicorn.workers.gasgi as gasgi, pathlib\n"
        "setup = gasgi.ASGIWorker._setup_event_loop\n"
        "def broken(self):\n"
        f"    assert not pathlib.Path({str(switch)!r}).exists(), 'as it is wanted'\n"
        "    setup(self)\n"
        "gasgi.ASGIWorker._setup_event_loop = broken\n"
    )
    server = serve(workers=1, environment={"PYTHONPATH": str(broken)})
    switch.touch()
    os.kill(server.workers()[0], signal.SIGKILL)
    server.wait_for_log("This worker cannot start")
    switch.unlink()
    server.wait_for_log("ASGI server listening", count=2)
    assert server.process.poll() is None


def test_a_server_waits_for_a_database_that_is_away_at_its_start(
    serve: Any, closed_port: int
) -> None:
    state = f'[state]\nurl = "postgresql+psycopg://u@127.0.0.1:{closed_port}/x"\nworker = false\n'
    server = serve(state, up=False)
    server.wait_for_log(r"critical \] The server cannot reach its database", count=2)
    assert server.process.poll() is None
    assert "Traceback" not in server.log()
