"""The README, the examples of version 1 and the shortest plugin, run as shown."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_core.settings.load import load_settings
from tests import loopback
from tests.conftest import Serve
from tests.docs.blocks import ROOT
from tests.docs.shown import ADDRESS, Shell, fenced, shown
from tests.machine import program

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = (ROOT / "docs" / "reference" / "api-v1-examples.md").read_text(encoding="utf-8")
SHORTEST = (ROOT / "docs" / "plugins" / "index.md").read_text(encoding="utf-8")
SHIPPED = ROOT / "conf" / "orchestrator.toml"


@pytest.mark.parametrize("workers", [1, 4])
def test_the_examples_of_version_1_answer_as_shown(serve: Serve, workers: int) -> None:
    program("curl")
    url = serve(workers=workers).url
    examples = list(shown(EXAMPLES))
    assert len(examples) >= 8
    for command, expected in examples:
        ours = shlex.split(ADDRESS.sub(url, command))
        said = subprocess.run(ours, capture_output=True, text=True, check=True).stdout
        assert json.loads(said) == json.loads(expected), command


def test_the_five_requests_answer_as_shown(serve: Serve, tmp_path: Path) -> None:
    """With the settings that `make run` serves."""
    program("curl")
    shell = Shell(tmp_path, serve(SHIPPED.read_text(encoding="utf-8")))
    requests = list(shown(README))
    assert len(requests) == 5
    for one in requests:
        shell.check(one)


def test_the_shortest_plugin_serves(serve: Serve, tmp_path: Path) -> None:
    (project,) = fenced(SHORTEST, "toml")
    (module,) = fenced(SHORTEST, "python")
    source, target = tmp_path / "nimbus", tmp_path / "installed"
    source.mkdir()
    (source / "pyproject.toml").write_text(project)
    (source / "orchestrator_nimbus.py").write_text(module)
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", *install, "--target", str(target), str(source)], check=True
    )
    server = serve('[clouds.sky]\ndriver = "nimbus"\n', environment={"PYTHONPATH": str(target)})
    answer = loopback.get(f"{server.url}/api/v1/nodes/sky").json()
    assert [(node["id"], node["provider"]) for node in answer["nodes"]] == [("7", "nimbus")]
    assert loopback.get(f"{server.url}/api/v1/images/sky").status_code == 501


def test_the_settings_of_the_page_on_failing_clouds_are_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "explanation" / "when-clouds-fail.md"
    (block,) = fenced(page.read_text(encoding="utf-8"), "toml")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    config = tmp_path / "orchestrator.toml"
    config.write_text(block)
    aws = load_settings(config, {}).clouds["aws"]
    assert (aws.breaker.failures, aws.cache.images, aws.deadlines["start_vm"]) == (5, 300, 300)
