"""The command line, run as a user types it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import commands
from tests.cli.installed import Installation

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(clean_environment: dict[str, str], tmp_path: Path) -> Run:
    """Return a function that runs ``orchestrator ARGUMENTS`` with an environment and input."""

    def command(
        *arguments: str, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {**clean_environment, "COLUMNS": "200", **environment}
        return commands.run(*arguments, environment=variables, cwd=tmp_path, typed=typed)

    return command


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    one = Installation(tmp_path_factory.mktemp("doctor"))
    try:
        one.server.wait_for_log("durable worker ready")
        one.server.wait_for_log("ASGI server listening")
        yield one
    finally:
        one.server.stop()
