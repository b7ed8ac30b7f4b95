"""The pages' claims: they match the behaviour."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.faultpoints import VARIABLE
from orchestrator_core.settings.load import load_settings
from tests import commands, loopback
from tests.conftest import Serve
from tests.stateful import Api, wait_for

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "explanation" / "exactly-once.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(text: str, language: str, containing: str = "") -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    (one,) = (block for block in found if containing in block)
    return one


def test_the_settings_of_exactly_once_are_valid(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(block(PAGE, "toml"))
    settings = load_settings(config, {})
    assert settings.state is not None
    assert not settings.assignments  # the next test assigns without one


def test_the_leases_of_exactly_once_are_given_and_renewed(serve: Serve) -> None:
    server = serve(block(PAGE, "toml"))
    script = block(PAGE, "sh", containing="renew").replace("http://127.0.0.1:5050", server.url)
    done = subprocess.run(
        ["bash", "-c", script.replace("curl ", "curl -s -w '\\n' ")],
        capture_output=True,
        text=True,
        check=False,
    )
    assigned, renewed = (json.loads(line) for line in done.stdout.splitlines())
    assert (assigned["result"], renewed["result"]) == ("Node 1 assigned", "Node 1 renewed")
    assert assigned["lease_expires_at"] < renewed["lease_expires_at"]


def named_commands() -> Iterator[str]:
    yield from re.findall(r"`orchestrator ([a-z]+(?: [a-z]+)*)", PAGE + README)


@pytest.mark.parametrize("command", sorted(set(named_commands())))
def test_every_command_that_is_named_is_there(command: str) -> None:
    done = commands.run(*command.split(), "--help")
    assert done.returncode == 0, done.stderr


def test_the_demo_of_the_readme_starts_one_vm(serve: Serve, tmp_path: Path) -> None:
    script = block(README, "sh", containing="start.answered")
    armed, curl = tmp_path / "now", re.search(r"start\(\) \{ (.*?); \}", script, flags=re.DOTALL)
    assert curl is not None
    armed.touch()
    server = serve(
        block(PAGE, "toml"),
        environment={VARIABLE: f"start.answered@{armed}"},
    )
    server.wait_for_log("durable worker ready")
    command = curl[1].replace("\\\n", " ").replace("http://localhost:5050", server.url)

    def start() -> str:
        return subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False
        ).stdout

    before = {"1", "2"}
    until = next(line for line in script.splitlines() if line.startswith("until"))
    waits = until.replace("http://localhost:5050", server.url)
    subprocess.run(["bash", "-c", waits], capture_output=True, check=True)
    assert start() == ""
    answer = wait_for(start, lambda said: '"nodes"' in said)
    api = Api(server)
    with api.http:
        (new,) = set(api.nodes()) - before
    assert f'"id":"{new}"' in answer
    assert loopback.get(f"{server.url}/api/v1/orphans").json()["orphans"] == []


def codes() -> set[str]:
    """Return every error code, and every code that only an operation ends or waits with."""
    found = set()
    for file in (ROOT / "orchestrator_core").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        found |= set(re.findall(r'^    code = "(\w+)"', source, flags=re.MULTILINE))
        found |= set(re.findall(r'error_code="(\w+)"', source))
        found |= set(re.findall(r'paused\(\s*operation, "(\w+)"', source))
        if file.name in ("absence.py", "sightings.py"):  # codes that several modules use
            found |= set(re.findall(r'^[A-Z]\w+: Final = "(\w+)"', source, flags=re.MULTILINE))
    return found


def test_every_error_code_is_on_the_page_of_errors() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    found = codes()
    assert {"cloud_timeout", "still_there", "release_unknown"} <= found
    # Commands report it; HTTP does not.
    assert {code for code in found if f"`{code}`" not in page} == {"settings"}
