"""``orchestrator demo``: the whole story against a real server, and its ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests import commands, loopback
from tests.cli.conftest import Run


def test_the_story_ends_well_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    done = run("demo", "--once", "--port", "0", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"the web worker with the process id \d+ is dead", done.stdout)
    assert "VM 4 was found by the marker" in done.stdout
    assert "400 Node 4 is already assigned" in done.stdout
    assert "200 Node 4 released and deleted" in done.stdout
    assert done.stdout.endswith("The server is stopped and its folder is removed.\n")
    assert list(tmp_path.glob("orchestrator-demo-*")) == []
    (port,) = set(re.findall(r"http://127\.0\.0\.1:(\d+)/", done.stdout))
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.1", int(port))) != 0


def test_a_port_that_is_taken_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("demo", "--once", "--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"orchestrator: The port {port} of 127.0.0.1 cannot be used: another program listens on "
        "it; pass another one, or --port 0 for any that is free\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(
    clean_environment: dict[str, str], tmp_path: Path, number: int
) -> None:
    shown = tmp_path / "shown"
    variables = {**clean_environment, "TMPDIR": str(tmp_path)}
    with shown.open("wb") as output:
        streams = (subprocess.DEVNULL, output.fileno(), output.fileno())
        command = (*commands.NEW_INTERPRETER, "demo", "--port", "0")
        demo = commands.start(command, variables, streams, tmp_path, new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not (tries := re.findall(r"curl -s (\S+/health)\n", shown.read_text())):
            assert demo.poll() is None, shown.read_text()
            assert time.monotonic() < deadline, shown.read_text()
            time.sleep(0.05)
        # It counts a process that is silent for 2 s as dead, which a busy machine can cause.
        while (health := loopback.get(tries[0])).status_code != 200:
            assert time.monotonic() < deadline, health.text
            time.sleep(0.05)
        assert len(re.findall(r"^  curl -s ", shown.read_text(), re.MULTILINE)) == 3
    finally:
        demo.send_signal(number)
        status = demo.wait(60)
    assert status == 0, shown.read_text()
    assert "Traceback" not in shown.read_text()
    assert list(tmp_path.glob("orchestrator-demo-*")) == []
