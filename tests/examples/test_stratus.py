"""The tutorial's package Stratus, installed from its wheel like any third party's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import loopback
from tests.conftest import environment_without_ours, running
from tests.wheels import ROOT, build, copy_of, install

Installed = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module")
def stratus(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return a copy of its checkout, and the environment in which its wheel is installed."""
    directory = tmp_path_factory.mktemp("stratus")
    checkout = copy_of(ROOT / "examples" / "stratus_plugin", directory / "checkout")
    build(directory, checkout)
    (wheel,) = directory.glob("*.whl")
    install(directory / "installed", wheel)
    shutil.rmtree(checkout / "orchestrator_stratus")  # No test can import it from there by mistake.
    return checkout, {**environment_without_ours(), "PYTHONPATH": str(directory / "installed")}


def test_its_own_tests_pass_and_it_needs_nothing_but_the_public_names(stratus: Installed) -> None:
    checkout, environment = stratus
    report = checkout.with_name("report.json")
    command = [str(Path(sys.executable).with_name("pytest")), f"--conformance-json={report}"]
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    (shown,) = json.loads(report.read_text())
    outcomes = {one["number"]: one["outcome"] for one in shown["behaviours"]}
    assert shown["conforms"]
    assert {outcomes["S9"], outcomes["C50"]} == {"pass"}


def test_a_server_takes_it_in_by_settings_alone(stratus: Installed, tmp_path: Path) -> None:
    checkout, environment = stratus
    settings = (checkout / "orchestrator.toml").read_text()
    with running(settings, tmp_path, environment) as server:
        url = f"{server.url}/api/v1"
        started = loopback.post(f"{url}/vm/start", json={"name": "x", "image": "1", "size": "1"})
        assert started.status_code == 200
        assert loopback.put(f"{url}/vm/action/reboot", json={"node": "1"}).status_code == 200
        (plugin,) = (
            one
            for one in loopback.get(f"{server.url}/api/v2/plugins").json()["plugins"]
            if one["name"] == "stratus"
        )
    assert (plugin["distribution"], plugin["state"]) == ("vm-orchestrator-stratus", "loaded")
