"""The tutorial, followed from its first line to its last in an empty environment."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from filecmp import dircmp
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.wheels import make_venv, without_the_network

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins" / "tutorial.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "stratus_plugin"
ADDRESS = "http://127.0.0.1:5050"
MAKE_VENV = "python3 -m venv venv\n"
LEFT_OUT = [  # the names in .gitignore
    *("__pycache__", "vm_orchestrator_stratus.egg-info", ".venv", "build", "dist", "var"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache"),
]

_BLOCK = re.compile(
    r"^```(?:\{code-block\} )?(?P<language>\w+)\n(?::caption: (?P<caption>[^\n]*)\n\n)?"
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def blocks() -> Iterator[tuple[str, str, str]]:
    """Return the steps in order: language, caption, text."""
    blocks = list(_BLOCK.finditer(PAGE))
    assert len(blocks) * 2 == len(re.findall(r"^ *```", PAGE, flags=re.MULTILINE))
    for found in blocks:
        yield found["language"], found["caption"] or "", found["text"]


class Author:
    """An author who follows the page with a terminal in an empty directory.

    Args:
        directory: the empty directory.
        wheels: the packages that ``pip install`` finds.
    """

    def __init__(self, directory: Path, wheels: Path) -> None:
        self.directory = directory
        self.environment = without_the_network(wheels)
        self._before: list[str] = []
        self._server: Server | None = None

    def do(self, language: str, caption: str, text: str) -> None:
        if language == "sh" and text.startswith("orchestrator serve"):
            self._serve(text)
        elif language == "sh":
            self._run(text)
        elif language == "console":
            for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, expected = example.partition("\n")
                self._compare(command, expected)
        elif language == "python":
            self._write(caption, text)
        elif language == "toml":
            self._check_settings(text)
        else:
            raise AssertionError(f"what is to be done with {language}?")

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def package(self) -> Path:
        return self.directory / "vm-orchestrator-stratus"

    def _script(self, text: str) -> list[str]:
        begin = f"cd {shlex.quote(str(self.directory))}"
        return ["bash", "-euo", "pipefail", "-c", "\n".join([begin, *self._before, text])]

    def _run(self, text: str) -> str:
        if MAKE_VENV in text:
            make_venv(self.directory / "venv")
            text = text.replace(MAKE_VENV, "")
        done = subprocess.run(
            self._script(text),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        self._before += [line for line in text.splitlines() if line.startswith(("cd ", ". "))]
        return done.stdout

    def _serve(self, text: str) -> None:
        self.stop()
        environment = {**self.environment, "ORCHESTRATOR__SERVER__BIND": "127.0.0.1:0"}
        command = self._script(f"exec {text}")
        self._server = Server(command, self.directory / "server.log", environment)
        self._server.wait_until_up(1)

    def _compare(self, command: str, expected: str) -> None:
        if not command.startswith("curl"):
            assert self._run(command).strip() == expected.strip(), command
            return
        assert self._server is not None, "no server runs"
        answer = self._run(command.replace(ADDRESS, self._server.url))
        shown = [json.loads(text) if text else None for text in (answer, expected)]
        assert shown[0] == shown[1], command

    def _write(self, caption: str, text: str) -> None:
        name, _, where = caption.partition(", ")
        file = self.package / name
        before = f"{file.read_text(encoding='utf-8')}\n" if where == "at the end" else ""
        assert file.exists()
        file.write_text(before + text, encoding="utf-8")

    def _check_settings(self, text: str) -> None:
        (self.directory / "others.toml").write_text(text, encoding="utf-8")
        said = self._run(f"orchestrator check --config {self.directory / 'others.toml'}")
        assert "valid" in said


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """Return the package, once every step of the page is done."""
    author = Author(tmp_path_factory.mktemp("author"), wheels)
    try:
        for block in blocks():
            author.do(*block)
    finally:
        author.stop()
    return author.package


@pytest.mark.timeout(300)  # The tutorial takes a loaded machine long.
def test_the_example_is_what_comes_out(followed: Path) -> None:
    if os.environ.get("UPDATE_EXAMPLES"):
        shutil.rmtree(EXAMPLE, ignore_errors=True)
        shutil.copytree(followed, EXAMPLE, ignore=shutil.ignore_patterns(*LEFT_OUT))
    different = list(differences(dircmp(followed, EXAMPLE, ignore=LEFT_OUT)))
    assert different == [], "UPDATE_EXAMPLES=1 pytest tests/docs/test_tutorial.py writes it anew"


def differences(compared: dircmp[str]) -> Iterator[str]:
    yield from (*compared.left_only, *compared.right_only, *compared.diff_files)
    yield from compared.funny_files
    for folder, inner in compared.subdirs.items():
        yield from (f"{folder}/{name}" for name in differences(inner))


def test_few_lines_are_enough() -> None:
    (hooks,) = (text for _, caption, text in blocks() if caption.endswith("at the end"))
    assert len([line for line in hooks.splitlines() if line.strip()]) <= 30
