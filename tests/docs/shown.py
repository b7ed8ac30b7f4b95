"""Commands that a page shows with their output, and a shell that runs them as a reader would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conftest import Server, environment_without_ours

ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):5050")
"""The address at which the pages let a server listen."""

_LEFT_OUT = "..."


def fenced(text: str, language: str) -> list[str]:
    """Return the content of a page's blocks of a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)


class Shown(NamedTuple):
    """A command and the output that the page shows for it; ``...`` stands for anything."""

    command: str
    output: str


def shown(text: str) -> Iterator[Shown]:
    """Yield the commands of a page's ``console`` blocks."""
    for block in fenced(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            found = re.match(r"(?:.*\\\n)*.*\n", part)
            assert found is not None, part
            yield Shown(found[0].strip(), part[found.end() :].strip())


class Shell:
    """A shell in a folder of its own, which keeps its variables from one command to the next."""

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        self._folder = folder
        self.server = server
        commands = Path(sys.executable).parent
        self._environment = environment_without_ours() | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "200",
        }

    def run(self, command: str) -> str:
        """Run a command and return its standard output.

        Raises:
            AssertionError: when it fails.
        """
        if self.server is not None:
            command = ADDRESS.sub(self.server.url, command)
        kept = self._folder / ".variables"
        script = f"touch {kept}; . {kept}; {command}\nstatus=$?; export -p > {kept}; exit $status"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def check(self, one: Shown) -> None:
        """Run a command and compare its output with what the page shows."""
        said = self.run(one.command)
        assert is_as_shown(said, one.output), f"$ {one.command}\n{said}\nis not\n{one.output}"


def is_as_shown(said: str, expected: str) -> bool:
    """Return whether an output is the shown one, or the shown JSON is a part of it."""
    if expected.startswith("{"):
        return _fits(json.loads(said), json.loads(_with_marks(expected)))
    pattern = re.escape("".join(expected.split())).replace(re.escape(_LEFT_OUT), ".*")
    return re.fullmatch(pattern, "".join(said.split()), flags=re.DOTALL) is not None


def _with_marks(text: str) -> str:
    """Return JSON in which a left-out key or item is the key or item ``...``."""
    text = re.sub(r",\s*\.\.\.\s*}", ', "...": null}', text)
    return re.sub(r"([\[,]\s*)\.\.\.(?=\s*[\],])", r'\1"..."', text)


def _fits(said: object, expected: object) -> bool:
    match said, expected:
        case dict(), dict():
            wanted = {key: value for key, value in expected.items() if key != _LEFT_OUT}
            is_whole = _LEFT_OUT in expected or said.keys() == wanted.keys()
            fit = all(key in said and _fits(said[key], value) for key, value in wanted.items())
            return is_whole and fit
        case list(), list():
            rest = iter(said)
            is_whole = _LEFT_OUT in expected or len(said) == len(expected)
            return is_whole and all(
                any(_fits(item, one) for item in rest) for one in expected if one != _LEFT_OUT
            )
        case str(), str() if _LEFT_OUT in expected:
            pattern = re.escape(expected).replace(re.escape(_LEFT_OUT), ".*")
            return re.fullmatch(pattern, said, flags=re.DOTALL) is not None
    return said == expected
