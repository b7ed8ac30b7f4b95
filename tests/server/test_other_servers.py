"""Plain gunicorn with the shipped configuration, and another ASGI server."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests import loopback

CONF = Path(__file__).parents[2] / "conf"
APP = "orchestrator_core.app:create_app()"
START = {"name": "x", "image": "1", "size": "1"}


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, stdout=stream, stderr=stream
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def address(log: Path, pattern: str) -> str:
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        found = re.search(pattern, log.read_text())
        if found:
            return found.group(1)
        time.sleep(0.02)
    raise AssertionError(log.read_text())


@pytest.fixture
def environment(clean_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "orchestrator.toml"  # a copy: it keeps its files beside itself
    config.write_bytes((CONF / "orchestrator.toml").read_bytes())
    return {**clean_environment, "ORCHESTRATOR_CONFIG": str(config)}


def test_plain_gunicorn(environment: dict[str, str], tmp_path: Path) -> None:
    command = ["gunicorn", "-c", str(CONF / "gunicorn.conf.py"), "-b", "127.0.0.1:0", APP]
    with running(command, environment, tmp_path / "log"):
        url = address(tmp_path / "log", r"Listening at: (http://\S+) ")
        assert loopback.get(f"{url}/api/v1/nodes").status_code == 200


def test_plain_gunicorn_refuses_an_open_address_too(
    environment: dict[str, str],
) -> None:
    command = ["gunicorn", "-c", str(CONF / "gunicorn.conf.py"), "-b", "0.0.0.0:0", APP]
    refused = subprocess.run(
        [sys.executable, "-m", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert refused.returncode != 0
    assert '[auth] mode = "token"' in refused.stderr
    assert "Traceback" not in refused.stderr


def test_another_asgi_server_with_several_workers(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = ["uvicorn", "--factory", "orchestrator_core.app:create_app"]
    command += ["--port", "0", "--workers", "2"]
    with running(command, environment, tmp_path / "log"):
        url = address(tmp_path / "log", r"running on (http://\S+) ")
        with loopback.client(
            transport=httpx2.HTTPTransport(retries=20), base_url=f"{url}/api/v1"
        ) as client:
            ids = [client.post("/vm/start", json=START).json()["nodes"]["id"] for _ in range(6)]
    assert ids == ["3", "4", "5", "6", "7", "8"]
