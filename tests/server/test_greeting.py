"""The commands that a server's first lines offer; a reader runs them as they are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.conftest import DUMMY, Serve, Server
from tests.machine import program

TRY = re.compile(r"Try: (.+?) +pid=\d+$", re.MULTILINE)
OPS = "ops-token-of-at-least-32-characters"


def answers(server: Server, **environment: str) -> list[dict[str, object]]:
    """Run the commands that a server offers; return their answers."""
    found = TRY.findall(server.log())
    assert len(found) == 3, server.log()
    return [
        json.loads(
            subprocess.run(
                ["sh", "-c", f"{command} --fail"],
                capture_output=True,
                check=True,
                env={"PATH": "/usr/bin:/bin", **environment},
            ).stdout
        )
        for command in found
    ]


def test_the_commands_answer(serve: Serve) -> None:
    program("curl")
    health, nodes, clouds = answers(serve())
    assert health["status"] == "ok"
    assert nodes["status"] == "ok"
    assert [cloud["name"] for cloud in clouds["clouds"]] == ["fake_driver"]  # type: ignore[attr-defined]


def test_they_stand_before_the_first_worker_starts(serve: Serve) -> None:
    log = serve().log()
    assert log.index("Listening at") < log.index("Try: ") < log.index("Booting worker")


def test_they_name_the_token_that_is_needed(serve: Serve) -> None:
    program("curl")
    toml = f'{DUMMY}\n[auth]\nmode = "token"\n[auth.tokens]\nops = "env:OPS"\n'
    server = serve(toml, environment={"OPS": OPS})
    assert len(answers(server, TOKEN=OPS)) == 3
    assert OPS not in server.log()


def test_they_name_the_socket(serve: Serve, tmp_path: Path) -> None:
    program("curl")
    server = serve(bind=f"unix:{tmp_path / 'socket'}")
    assert len(answers(server)) == 3


def test_a_log_for_programs_has_none(serve: Serve) -> None:
    server = serve(DUMMY, environment={"ORCHESTRATOR__SERVER__LOG_FORMAT": "json"}, up=False)
    server.wait_for_log("ASGI server listening")
    assert "Try: " not in server.log()
