"""The commands and programs of the pages for API users and operators, run as shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.faultpoints import VARIABLE
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.secrets import is_reference
from tests import loopback
from tests.conftest import OPS_TOKEN, Serve
from tests.docs.blocks import ROOT
from tests.docs.shown import ADDRESS, Shell, fenced, is_as_shown, shown
from tests.docs.test_examples import check_command
from tests.machine import program
from tests.stateful import wait_for

DOCS = ROOT / "docs"
SHELVES = ("start", "howto", "reference", "explanation")
PAGES = {
    str(page.relative_to(DOCS)): page.read_text(encoding="utf-8")
    for shelf in SHELVES
    for page in sorted((DOCS / shelf).glob("*.md"))
}
SHOWN = [name for name, text in PAGES.items() if fenced(text, "console") and fenced(text, "toml")]
"""Pages whose commands run against a server with the settings of the page."""

NEEDS_SERVER = re.compile(
    r"127\.0\.0\.1|orchestrator (adopt|db|doctor|freeze|operations|orphans|protect)"
)
"""Commands that need a server, or the database that a server has prepared."""

OTHERS = {
    *(
        "pip",
        "curl",
        "kill",
        "openssl",
        "openstack",
        "ssh-keygen",
        "createdb",
        "runuser",
        "touch",
        "printf",
        "until",
        "start",
    ),
    *("gunicorn", "uvicorn", "start()", "-H", "-d"),
    *("make", "python3", "useradd", "usermod", "install", "systemctl", "nginx", ".", "cd"),
    *("podman", "kubectl", "/opt/orchestrator/bin/pip", "(umask", "set"),
}
"""Commands of others that the pages use, and lines that continue one."""


def test_the_index_leads_to_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#]+\.md)\)", index))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"index.md"}
    assert pages - linked == set()


@pytest.mark.parametrize("page", SHOWN)
def test_its_commands_print_what_it_shows(page: str, serve: Serve, tmp_path: Path) -> None:
    program("curl")
    shell = Shell(tmp_path)
    # The first commands of a page may make files that its settings name.
    (tmp_path / "orchestrator.toml").write_text(fenced(PAGES[page], "toml")[0])
    for one in shown(PAGES[page]):
        if shell.server is None and NEEDS_SERVER.search(one.command):
            shell.server = serve(fenced(PAGES[page], "toml")[0])
        shell.check(one)


TOML = [
    pytest.param(block, id=f"{name}:{number}")
    for name, text in PAGES.items()
    for number, block in enumerate(fenced(text, "toml"), 1)
]


@pytest.mark.parametrize("block", TOML)
def test_its_settings_are_valid(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, reference in enumerate(sorted(set(re.findall(r'"((?:env|file):[^"]+)"', block)))):
        assert is_reference(reference)
        kind, _, name = reference.partition(":")
        value = "sqlite:///x.db" if "DATABASE" in name else f"{number}{OPS_TOKEN[1:]}"
        if kind == "env":
            monkeypatch.setenv(name, value)
        else:
            file = tmp_path / name.rpartition("/")[2]
            file.write_text(value)
            block = block.replace(reference, f"file:{file}")
    config = tmp_path / "orchestrator.toml"
    config.write_text(block)
    load_settings(config, {})


def test_the_program_of_the_tutorial_runs(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    quickstart, tutorial = PAGES["start/quickstart.md"], PAGES["start/tutorial-api.md"]
    server = serve(fenced(quickstart, "toml")[0])
    server.wait_for_log("durable worker ready")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    code = ADDRESS.sub(server.url, "".join(fenced(tutorial, "python")))
    names: dict[str, Any] = {}
    exec(compile(code, "tutorial-api.md", "exec"), names)  # noqa: S102 - ours
    names["session"].close()


def test_a_start_that_is_killed_in_the_middle_makes_one_vm(serve: Serve, tmp_path: Path) -> None:
    page = PAGES["start/tutorial-operator.md"]
    (script,) = (one for one in fenced(page, "sh") if "start.answered" in one)
    (tmp_path / "ops-token").write_text(OPS_TOKEN)
    (tmp_path / "now").touch()
    server = serve(
        fenced(page, "toml")[0], environment={VARIABLE: f"start.answered@{tmp_path}/now"}
    )
    server.wait_for_log("durable worker ready")
    shell = Shell(tmp_path, server)
    found = re.search(r"start\(\) \{ (.*?); \}", script, flags=re.DOTALL)
    assert found is not None

    def start() -> str:
        return shell.run(f"{found[1]} || true")

    def get(path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {OPS_TOKEN}"}
        answer: dict[str, Any] = loopback.get(f"{server.url}/api/{path}", headers=headers).json()
        return answer

    until = next(line for line in script.splitlines() if line.startswith("until"))
    shell.run(until)
    assert start() == ""
    answer = wait_for(start, lambda said: '"nodes"' in said)
    (new,) = {node["id"] for node in get("v1/nodes")["nodes"]} - {"1", "2"}
    assert f'"id":"{new}"' in answer
    assert get("v2/orphans")["orphans"] == []


def commands() -> set[str]:
    """Every command of ours that a page shows or names."""
    found = set()
    for text in (*PAGES.values(), (ROOT / "README.md").read_text(encoding="utf-8")):
        for block in (*fenced(text, "sh"), *(one.command for one in shown(text))):
            found |= set(re.findall(r"^(?:\$ )?orchestrator ([^|>&\n]+)", block, re.MULTILINE))
        found |= set(re.findall(r"`orchestrator ([a-z][^`]+)`", text))
    return {" ".join(command.split()) for command in found}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_of_ours_is_there(command: str) -> None:
    check_command(shlex.split(command, comments=True))


def test_every_command_of_others_is_known() -> None:
    for name, text in PAGES.items():
        for block in fenced(text, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = [word for word in line.split() if "=" not in word]
                if words and not line.startswith("#"):
                    assert words[0] in {"orchestrator", *OTHERS}, f"{name}: {line}"


@pytest.mark.parametrize(
    ("said", "expected", "fits"),
    [
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ('{"a": 1, "b": 2}', '{"a": 1}', False),
        ('{"a": 1, "b": 2}', '{"a": 1, ...}', True),
        ('{"a": 1, "b": 2}', '{"a": 2, ...}', False),
        ('{"a": [1, 2, 3]}', '{"a": [1, ...]}', True),
        ('{"a": [1, 2, 3]}', '{"a": [1, ..., 3]}', True),
        ('{"a": [1, 2, 3]}', '{"a": [1, 2]}', False),
        ('{"a": "frozen by ann: x"}', '{"a": "frozen by ...: x"}', True),
        ("one two", "one ...", True),
        ("one two", "two ...", False),
    ],
)
def test_what_is_shown_is_compared(*, said: str, expected: str, fits: bool) -> None:
    assert is_as_shown(said, expected) is fits


def test_a_command_that_fails_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no-such-option"):
        Shell(tmp_path).run("orchestrator check --no-such-option")
