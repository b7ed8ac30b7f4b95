"""Commands while PostgreSQL is away: one sentence, and the exit status that `serve` justifies.

A server starts without its database and waits for it, so `check` warns; `check --connect` fails.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import Serve

WHY = (
    "postgresql+psycopg://ann@127.0.0.1:{port}/state: connection to server at "
    '"127.0.0.1", port {port} failed: Connection refused'
)
REMEDY = "; start the database, or correct [state] url"


def away(port: int, tls: str = "disable") -> str:
    return f"""
[state]
url = "postgresql+psycopg://ann:hidden-word@127.0.0.1:{port}/state?sslmode={tls}"
[clouds.a]
driver = "dummy"
"""


@pytest.fixture
def config(tmp_path: Path, closed_port: int) -> str:
    file = tmp_path / "orchestrator.toml"
    file.write_text(away(closed_port))
    return str(file)


def told(run: Run, config: str, *options: str) -> tuple[int, str, list[str]]:
    """Return the status, the sentence without its beginning, and the last line of the output."""
    said = run("check", *options, "--config", config)
    assert "hidden-word" not in said.stdout + said.stderr
    (sentence,) = said.stderr.splitlines()
    assert sentence.startswith(f"orchestrator: {config}: ")
    sentence = sentence.replace("?sslmode=disable", "").replace(":***@", "@")
    return (
        said.returncode,
        sentence.removeprefix(f"orchestrator: {config}: "),
        said.stdout.splitlines()[-1:],
    )


def test_check_warns_of_it_in_one_sentence(run: Run, config: str, closed_port: int) -> None:
    why = f"[state] {WHY.format(port=closed_port)}{REMEDY}"
    waits = "(until then, a server that starts answers no request)"
    last = [f"{config}: valid; unusable now: [state]"]
    assert told(run, config) == (0, f"warning: {why} {waits}", last)


def test_check_connect_fails_in_the_same_sentence(run: Run, config: str, closed_port: int) -> None:
    why = f"[state] {WHY.format(port=closed_port)}{REMEDY}"
    last = [f"{config}: valid; unusable now: [state]"]
    assert told(run, config, "--connect") == (1, why, last)
    assert told(run, config, "--connect", "--quiet") == (1, why, [])


def test_serve_starts_and_waits(serve: Serve, closed_port: int) -> None:
    """The reason for a warning and status 0: what `check` refuses, `serve` must refuse."""
    server = serve(away(closed_port), up=False)
    server.wait_for_log("The server cannot reach its database")
    assert server.process.poll() is None


@pytest.mark.parametrize("command", [("operations", "list"), ("freeze",)], ids=" ".join)
def test_other_commands_tell_it_in_one_sentence(
    run: Run, config: str, command: tuple[str, ...]
) -> None:
    said = run(*command, "--config", config)
    assert (said.returncode, said.stdout) == (1, "")
    (told,) = said.stderr.splitlines()
    assert told.startswith("orchestrator: postgresql+psycopg://ann:***@127.0.0.1:")
    assert told.endswith(" failed: Connection refused")


def test_the_doctor_logs_nothing_beside_its_findings(run: Run, config: str) -> None:
    said = run("doctor", "database", "--config", config)
    assert (said.returncode, said.stderr) == (1, "")
    assert "Do: Start the database, or correct [state] url, until this succeeds: " in said.stdout
