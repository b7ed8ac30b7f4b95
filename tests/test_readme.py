"""The README's curl examples, settings and plugin: they behave as shown."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.settings.load import load_settings
from tests import loopback
from tests.conftest import OPS_TOKEN
from tests.machine import program

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://localhost:5050"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def curl_examples() -> Iterator[tuple[str, Any]]:
    for block in blocks("console"):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, answer = example.partition("\n")
            yield command, json.loads(answer)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_curl_examples_answer_as_shown(serve: Any, workers: int) -> None:
    program("curl")
    url = serve(workers=workers).url
    examples = list(curl_examples())
    assert len(examples) >= 8
    for command, expected in examples:
        ours = shlex.split(command.replace(ADDRESS, url))
        said = subprocess.run(ours, capture_output=True, text=True, check=True).stdout
        assert json.loads(said) == expected, command


def test_the_settings_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    (tmp_path / "token").write_text(OPS_TOKEN)
    aws, auth = (block for block in blocks("toml") if "[project]" not in block)
    config = tmp_path / "orchestrator.toml"
    config.write_text(aws + auth.replace("/run/secrets/ops-token", str(tmp_path / "token")))
    settings = load_settings(config, {})
    assert settings.clouds["aws"].driver == "libcloud"
    assert settings.auth.tokens["ops"].reveal() == OPS_TOKEN


def test_the_plugin_serves(serve: Any, tmp_path: Path) -> None:
    (project,) = (block for block in blocks("toml") if "[project]" in block)
    (module,) = blocks("python")
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


def test_the_settings_of_the_page_on_failing_clouds_are_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "explanation" / "when-clouds-fail.md").read_text(
        encoding="utf-8"
    )
    (block,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    config = tmp_path / "orchestrator.toml"
    config.write_text(block)
    aws = load_settings(config, {}).clouds["aws"]
    assert (aws.breaker.failures, aws.cache.images, aws.deadlines["start_vm"]) == (5, 300, 300)
