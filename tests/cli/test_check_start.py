"""``orchestrator check --start``: a VM on each cloud, of which nothing is left in any case.

The clouds are dummy clouds in files, which show what exists without a server.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests import commands
from tests.cli.conftest import Run
from tests.stateful import wait_for

Said = subprocess.CompletedProcess[str]
Check = Callable[..., Said]

STATE = '[state]\nurl = "sqlite:///state.db"\nretry_delay = 0.1\nmax_retry_delay = 0.2\n'
QUICK = "visibility_timeout = 1\n"
STEPS = r": VM 3 \(dummy-3\) started in [\d.]+ s, running after [\d.]+ s, gone after [\d.]+ s\n"


def cloud(name: str, more: str = "") -> str:
    return f'[clouds.{name}]\ndriver = "dummy"\nstore = "file:{name}.db"\n{QUICK}{more}'


def faults(name: str, hook: str, fault: str) -> str:
    return f'[clouds.{name}.faults]\noperations = ["{hook}"]\n{fault}\n'


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Check:
    """Return a function that writes settings and runs ``check --start --yes`` for them."""
    config = tmp_path / "orchestrator.toml"

    def command(toml: str, *more: str, **options: Any) -> Said:
        config.write_text(toml)
        return run("check", "--quiet", "--start", "--config", str(config), *more, **options)

    return command


def started(folder: Path, name: str) -> list[int]:
    """Return the VMs of a cloud that were started there and that still exist."""
    with closing(sqlite3.connect(folder / f"{name}.db")) as connection:
        rows = connection.execute("SELECT number FROM nodes WHERE gone_at IS NULL AND number > 2")
        return [number for (number,) in rows]


@pytest.mark.parametrize("state", ["", STATE])
def test_each_cloud_is_tried_and_nothing_is_left(check: Check, tmp_path: Path, state: str) -> None:
    said = check(state + cloud("a", 'destroy = "own"\n') + cloud("b"), "--yes")
    assert (said.returncode, "left" in said.stderr) == (0, False), said.stderr
    assert all(re.search(f"^{name}{STEPS}", said.stdout, re.MULTILINE) for name in "ab")
    assert (started(tmp_path, "a"), started(tmp_path, "b")) == ([], [])
    assert (tmp_path / "state.db").exists() == bool(state)


def test_nothing_is_started_without_a_word(check: Check, run: Run, tmp_path: Path) -> None:
    asked = check(cloud("a") + cloud("b"), "--cloud", "b", "--size", "2", typed="n\n")
    assert asked.returncode == 1
    assert re.search(
        r"may cost money:\n  b: orchestrator-check-\w{8}, image Ubuntu 9.10 \(1\), size 2\n"
        r"The settings have no \[state\]: if this command is killed, destroy these VMs yourself.\n"
        r"Continue\? ",
        asked.stdout,
    )
    plain = run("check", "--config", str(tmp_path / "orchestrator.toml"))
    options = run("check", "--size", "2", "--config", str(tmp_path / "orchestrator.toml"))
    assert (plain.returncode, options.returncode) == (0, 2)
    assert "pass --start too" in options.stderr
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        most = connection.execute("SELECT max(number) FROM nodes").fetchone()
    assert most == (2,)


def test_what_is_missing_is_named(check: Check, tmp_path: Path) -> None:
    closed = cloud("a", "[clouds.a.start_fields]\nnetworks = { required = true }\n")
    named = check(closed + cloud("b"), "--yes", "--image", "9")
    assert named.returncode == 1
    assert "orchestrator: a: nothing was started: " in named.stderr
    assert "cloud a starts no VM without it" in named.stderr
    assert "orchestrator: b: the start failed: " in named.stderr
    given = check(closed, "--yes", "--network", "net-1")
    assert given.returncode == 0, given.stderr
    unknown = check(closed, "--yes", "--cloud", "aa")
    assert "orchestrator: there is no [clouds.aa]" in unknown.stderr
    assert (started(tmp_path, "a"), started(tmp_path, "b")) == ([], [])


@pytest.mark.parametrize("state", ["", STATE])
@pytest.mark.parametrize(
    ("hook", "fault"),
    [
        ("start_vm", "error_rate = 1.0"),
        ("start_vm", "lost_answer_rate = 1.0"),
        ("stop_vm", "lost_answer_rate = 1.0"),
    ],
)
def test_a_fault_is_told_and_nothing_is_left(
    check: Check, tmp_path: Path, state: str, hook: str, fault: str
) -> None:
    said = check(state + cloud("a") + faults("a", hook, fault), "--yes", "--limit", "20s")
    is_told = "orchestrator: a: the start failed: " in said.stderr
    assert (said.returncode, is_told) == (hook == "start_vm", hook == "start_vm"), said.stderr
    # The failure is told at once, before the command waits for the proof that no VM is left.
    assert ("looking for a VM that it may have left" in said.stderr) == is_told
    assert "left:" not in said.stderr
    assert started(tmp_path, "a") == []


def test_a_vm_that_shows_late_is_found_and_destroyed(check: Check, tmp_path: Path) -> None:
    late = faults("a", "start_vm", "visible_after = 0.5\nlost_answer_rate = 1.0")
    said = check(STATE + cloud("a") + late, "--yes", "--limit", "20s")
    assert (said.returncode, "left:" in said.stderr) == (1, False), said.stderr
    assert started(tmp_path, "a") == []


def test_what_is_left_is_named_and_destroyed_later(check: Check, tmp_path: Path) -> None:
    toml = STATE + cloud("a")
    said = check(toml + faults("a", "stop_vm", "error_rate = 1.0"), "--yes", "--limit", "1s")
    assert said.returncode == 1
    found = re.search(r"a: left: VM 3 \(dummy-3\): .*; operation (\w+) is pending\n", said.stderr)
    assert found, said.stderr
    assert started(tmp_path, "a") == [3]
    later = check(toml, "--yes")
    assert later.returncode == 0, later.stderr
    assert "the VM of an earlier check, operation " in later.stderr
    assert started(tmp_path, "a") == []


def test_while_nothing_can_be_destroyed_nothing_is_started(
    check: Check, run: Run, tmp_path: Path
) -> None:
    toml = STATE + cloud("a")
    check(toml, "--yes")
    config = str(tmp_path / "orchestrator.toml")
    assert run("freeze", "--config", config, "--reason", "a test").returncode == 0
    said = check(toml, "--yes")
    assert (said.returncode, "No VM can be destroyed now: " in said.stderr) == (1, True)
    assert (started(tmp_path, "a"), said.stdout) == ([], "")


@pytest.mark.parametrize("point", ["start.recorded", "start.answered", "start.settled"])
def test_the_next_check_destroys_what_a_killed_one_has_left(
    check: Check, tmp_path: Path, point: str
) -> None:
    toml = STATE + cloud("a")
    killed = check(toml, "--yes", **{VARIABLE: point})
    assert killed.returncode == -signal.SIGKILL
    assert started(tmp_path, "a") == ([] if point == "start.recorded" else [3])
    said = check(toml, "--yes")
    assert said.returncode == 0, said.stderr
    assert "left:" not in said.stderr
    assert started(tmp_path, "a") == []


def test_a_durable_worker_destroys_what_a_killed_check_has_left(
    check: Check, tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    toml = STATE + cloud("a")
    killed = check(toml, "--yes", "--limit", "1s", **{VARIABLE: "start.answered"})
    assert (killed.returncode, started(tmp_path, "a")) == (-signal.SIGKILL, [3])
    words = [*commands.COMMAND, "worker", "--config", str(tmp_path / "orchestrator.toml")]
    with (tmp_path / "worker.log").open("wb") as log:
        streams = (log.fileno(), log.fileno(), log.fileno())
        worker = commands.start(words, clean_environment, streams, tmp_path)
        try:
            wait_for(lambda: started(tmp_path, "a"), lambda left: left == [])
        finally:
            worker.terminate()
            worker.wait()


def test_a_signal_destroys_what_was_started(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    toml = cloud("a") + faults("a", "start_vm", "latency = 1")
    (tmp_path / "orchestrator.toml").write_text(STATE + toml)
    words = [*commands.COMMAND, "check", "--start", "--yes"]
    words += ["--config", str(tmp_path / "orchestrator.toml")]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        streams = (stream.fileno(), stream.fileno(), stream.fileno())
        command = commands.start(words, clean_environment, streams, tmp_path)
        wait_for(lambda: _is_recorded(tmp_path / "state.db"), bool)
        command.send_signal(signal.SIGTERM)
        assert command.wait(30) == 1
    said = log.read_text()
    assert "orchestrator: stopping: the VMs are destroyed first" in said
    assert re.search(r"a: VM 3 \(dummy-3\) started in .* gone after ", said), said
    assert started(tmp_path, "a") == []


def _is_recorded(file: Path) -> bool:
    if not file.exists():
        return False
    with closing(sqlite3.connect(file)) as connection:
        try:
            return bool(connection.execute("SELECT 1 FROM operations").fetchall())
        except sqlite3.OperationalError:  # the tables are being made
            return False
