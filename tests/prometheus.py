"""A real Prometheus that scrapes a test's server, and its tool for rules."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2

from tests import loopback
from tests.machine import program

PATIENCE: Final = 30.0

_SETTINGS: Final = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: orchestrator
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of its API."""
        answer = loopback.get(f"{self._url}/api/v1{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an expression at this moment."""
        found: list[dict[str, Any]] = self.get("/query", query=expression)["result"]
        return found


@contextmanager
def prometheus(target: str, rules: Path, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with these rules until the block ends.

    Args:
        target: ``HOST:PORT`` of the server to scrape each second.
        rules: the file of the rules.
        folder: the folder of its files.
    """
    command, port = program("prometheus"), _free_port()
    settings = folder / "prometheus.yml"
    settings.write_text(_SETTINGS.format(rules=json.dumps(str(rules)), target=target))
    arguments = [
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([command, *arguments], stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/-/ready", process, folder / "prometheus.log")
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(PATIENCE)


def promtool(*arguments: str, said: str = "") -> str:
    """Run promtool; return what it prints, or fail the test.

    Args:
        arguments: its arguments.
        said: its standard input.
    """
    done = subprocess.run(
        [program("promtool", "prometheus"), *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _free_port() -> int:
    """Return a port that was free a moment ago: Prometheus cannot take over an open socket."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        found: int = listening.getsockname()[1]
        return found


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends_at = time.monotonic() + PATIENCE
    while True:
        with suppress(httpx2.TransportError):
            if loopback.get(url).status_code == 200:
                return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.1)
