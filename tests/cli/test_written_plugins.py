"""The packages of `orchestrator plugin new`: complete and valid, unchanged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

import orchestrator_core
from orchestrator_core.plugins.record import Kind
from tests import commands
from tests.conftest import environment_without_ours, running
from tests.wheels import ROOT, install

NAMES: Final = {"cloud": "my_sky", "assignment": "desk", "extension": "gate"}
TOOLS: Final = Path(sys.executable).parent
README_URL: Final = "http://127.0.0.1:5050"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one package of each kind, and all of them installed beside."""
    directory = tmp_path_factory.mktemp("written")
    for kind, name in NAMES.items():
        arguments = ("plugin", "new", "--kind", kind, "--name", name, str(directory / kind))
        commands.run(*arguments).check_returncode()
    install(directory / "installed", *(directory / kind for kind in NAMES))
    return directory


@pytest.fixture
def environment(written: Path) -> dict[str, str]:
    return {**environment_without_ours(), "PYTHONPATH": str(written / "installed")}


def tool(directory: Path, environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# The tutorial begins with the fresh cloud's own tests: tests/docs/test_tutorial.py.
@pytest.mark.parametrize("kind", ["assignment", "extension"])
def test_its_own_tests_pass(written: Path, environment: dict[str, str], kind: str) -> None:
    said = tool(written / kind, environment, "pytest", "-p", "no:cacheprovider")
    assert f"conformance of {kind} {NAMES[kind]}" in said
    assert re.search(r"Conformance kit \d+: \d+ pass(, \d+ unsupported)?$", said, re.MULTILINE)


def has_web(_first: Any, second: Any) -> bool:
    return [node["name"] for node in second["nodes"]] == ["web"]


def has_a_holder(_first: Any, second: Any) -> bool:
    return [vm["user"] for vm in second["nodes"]] == ["ada", ""]


def has_denied(first: Any, second: Any) -> bool:
    return first["message"] == "No node may be called 'forbidden'" and len(second["nodes"]) == 2


AS_PROMISED: Final = {"cloud": has_web, "assignment": has_a_holder, "extension": has_denied}


@pytest.mark.parametrize("kind", NAMES)
def test_it_serves_and_the_readme_tells_how_to_ask(
    written: Path, environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    settings = (written / kind / "orchestrator.toml").read_text()
    readme = (written / kind / "README.md").read_text()
    (curls,) = re.findall(r"```sh\n(curl.*?)```", readme, flags=re.DOTALL)
    with running(settings, tmp_path, environment) as server:
        answers = [
            json.loads(
                subprocess.run(
                    ["bash", "-c", f"curl -s {curl.replace(README_URL, server.url)}"],
                    capture_output=True,
                    check=True,
                ).stdout
            )
            for curl in re.split(r"^curl ", curls, flags=re.MULTILINE)[1:]
        ]
    assert AS_PROMISED[kind](*answers), answers


@pytest.mark.parametrize("kind", NAMES)
def test_every_key_that_its_settings_show_is_one(
    written: Path, environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    text = (written / kind / "orchestrator.toml").read_text()
    everything = re.sub(r"^# (?=\[?\w+(\]| = ))", "", text, flags=re.MULTILINE)
    assert everything != text
    (block,) = re.findall(
        r"```toml\n(.*?)```", (written / kind / "README.md").read_text(), re.DOTALL
    )
    assert block in text
    (tmp_path / "orchestrator.toml").write_text(everything)
    assert "valid" in tool(
        tmp_path, environment, "orchestrator", "check", "--config", "orchestrator.toml"
    )


def test_its_tools_find_nothing(written: Path, environment: dict[str, str]) -> None:
    for kind in NAMES:
        tool(written / kind, environment, "ruff", "check", "--no-cache", ".")
        tool(written / kind, environment, "ruff", "format", "--no-cache", "--check", ".")
    # Mypy runs as strictly as the packages' settings say, with the cached analysis of the core.
    ours = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    tool(written, environment, "mypy", *ours, *NAMES)


@pytest.mark.parametrize("kind", NAMES)
def test_the_workflow_runs_what_the_readme_tells(written: Path, kind: str) -> None:
    readme = (written / kind / "README.md").read_text()
    workflow = (written / kind / ".github" / "workflows" / "test.yml").read_text()
    (told,) = (
        block for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if "mypy" in block
    )
    assert re.findall(r"- run: (.*)", workflow) == told.splitlines()


@pytest.mark.parametrize("kind", NAMES)
def test_every_hook_is_there_or_named_and_every_name_is_public(written: Path, kind: str) -> None:
    module = (written / kind / f"orchestrator_{NAMES[kind]}" / "__init__.py").read_text()
    hooks = [name for name in vars(Kind(kind).hookspecs) if not name.startswith("_")]
    assert [hook for hook in hooks if not re.search(rf"\b{hook}\(", module)] == []
    named = set(re.findall(r"``([A-Z][a-z]\w+)``", module))
    assert named
    assert named <= set(orchestrator_core.__all__)


@pytest.mark.parametrize("kind", NAMES)
def test_it_carries_the_licence_of_the_project(written: Path, kind: str) -> None:
    licence = (written / kind / "LICENSE").read_text()
    assert licence == (ROOT / "LICENSE").read_text()
