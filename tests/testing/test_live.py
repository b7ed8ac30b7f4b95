"""Live runs: on request only, and without leftovers. The kit takes the cloud for a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core import PluginContext, StartRequest
from orchestrator_core.testing import Kind
from orchestrator_core.testing.runner.live import live_subject
from orchestrator_core.testing.runner.run import run
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import IMAGES, SIZES
from orchestrator_libcloud.fake import ec2_server
from tests import commands
from tests.testing.install import installed

ALLOWED = {"ORCHESTRATOR_LIVE": "1"}


def plugin(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("plugin", *words, environment=environment)


def dummy_settings(directory: Path) -> Path:
    file = directory / "live.toml"
    file.write_text(
        '[clouds.one]\ndriver = "dummy"\nstore = "file:one.db"\nvisibility_timeout = 1\n'
        '[clouds.other]\ndriver = "dummy"\nstore = "file:other.db"\n'
    )
    return file


def nodes(directory: Path, file: str) -> Any:
    settings = DummyDriver.settings_schema().load({"store": f"file:{directory / file}"})
    return DummyDriver(PluginContext("one", directory), settings)


def test_nothing_is_started_without_permission(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    file = str(dummy_settings(tmp_path))
    done = plugin(clean_environment, "check", "dummy", "--live", file, "--cloud", "one")
    assert done.returncode == 1
    assert "set ORCHESTRATOR_LIVE=1" in done.stderr
    assert not (tmp_path / "one.db").exists()


def test_it_must_be_clear_which_cloud_is_meant(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    file = str(dummy_settings(tmp_path))
    allowed = {**clean_environment, **ALLOWED}
    done = plugin(allowed, "check", "dummy", "--live", file)
    assert (done.returncode, "found: one, other; --cloud" in done.stderr) == (1, True), done.stderr
    done = plugin(allowed, "check", "libcloud", "--live", file)
    assert (done.returncode, "found: none" in done.stderr) == (1, True), done.stderr


def test_a_run_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    file = str(dummy_settings(tmp_path))
    cloud = nodes(tmp_path, "one.db")
    cloud.start_vm(StartRequest("somebodys", IMAGES[0], SIZES[0]))
    before = {node.id for node in cloud.list_nodes()}
    words = ("check", "dummy", "--live", file, "--cloud", "one", "--json")
    done = plugin({**clean_environment, **ALLOWED}, *words)
    report = json.loads(done.stdout)
    shown = {one["number"]: one["outcome"] for one in report["behaviours"]}
    assert done.returncode == 0, report
    assert (shown["C20"], shown["L1"], shown["L2"]) == ("pass", "pass", "pass")
    assert {node.id for node in cloud.list_nodes()} == before


def test_what_a_run_has_not_started_it_does_not_touch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no node can be started, the run has no node of its own to switch off or destroy."""
    file = tmp_path / "live.toml"
    file.write_text('[clouds.one]\ndriver = "startsnothing"\nstore = "file:one.db"\n')
    before = nodes(tmp_path, "one.db").list_nodes()
    monkeypatch.setenv("ORCHESTRATOR_LIVE", "1")
    with installed(Kind.CLOUD, "startsnothing", "starts_nothing:StartsNothing"):
        results, _ = run(live_subject("startsnothing", file, None))
    assert nodes(tmp_path, "one.db").list_nodes() == before
    outcomes = {one.number: one.outcome for one in results}
    for number in ("C9", "C28", "C31", "C40", "C41", "C42", "C46"):
        assert outcomes[number] == "unsupported", number
    assert set(outcomes.values()) == {"pass", "unsupported"}, results


@pytest.mark.soak
def test_an_interrupted_run_is_swept_up(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    with ec2_server() as port:
        file = tmp_path / "aws.toml"
        file.write_text(f"""
[clouds.aws]
driver = "libcloud"
provider = "ec2"
key = "AKIAIOSFODNN7EXAMPLE"
secret = "env:LIVE_SECRET"
region = "eu-west-1"
host = "127.0.0.1"
port = {port}
secure = false
visibility_timeout = 1
destroy = "own"
""")
        environment = {**clean_environment, **ALLOWED, "LIVE_SECRET": "a-secret-of-nothing"}
        done = plugin(environment, "check", "libcloud", "--live", str(file), "--json")
        assert done.returncode == 0, done.stdout

        words = ("check", "libcloud", "--live", str(file))
        command = [sys.executable, "-m", "orchestrator_core.cli", "plugin", *words]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as running:
            seen = ""
            while not seen:
                assert running.poll() is None
                seen = plugin(environment, "sweep", "libcloud", "--live", str(file)).stdout
            running.kill()
        assert "orchestrator-live-" in seen
        swept = plugin(environment, "sweep", "libcloud", "--live", str(file), "--yes")
        assert swept.stdout.endswith("Destroyed\n"), swept.stderr
        left = plugin(environment, "sweep", "libcloud", "--live", str(file))
        assert (left.returncode, left.stdout) == (0, "")
