"""The servers under comparison: start, requests and memory."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.upstreams import CREDENTIALS

PATH = "/api/v1/nodes/fake_driver"

_ROOT = Path(__file__).parents[1]
_PATIENCE = 30.0
_PORTS = range(10_000, 32_768)
"""Ports below the range that Linux gives to clients, so that a client cannot take one before our
server."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        url: the URL to request.
        seconds: from its start to its first answer.
    """

    url: str
    process: subprocess.Popen[bytes]
    seconds: float

    def worker_rss(self) -> int:
        """Return the resident memory of the largest worker in bytes."""
        children = psutil.Process(self.process.pid).children()
        return max(child.memory_info().rss for child in children)


def ours(port: int, workers: int, config: Path) -> list[str]:
    """Return the command that serves a settings file."""
    return [
        *[sys.executable, "-m", "orchestrator_core.cli", "serve"],
        *["--config", str(config)],
        *["--bind", f"127.0.0.1:{port}", "--workers", str(workers)],
    ]


def bare_asgi(port: int, workers: int) -> list[str]:
    """Return the command that serves a bare Falcon ASGI app under the same gunicorn."""
    return [*_gunicorn(port, workers), "-k", "asgi", "benchmarks.peers:asgi"]


def bare_wsgi(port: int, workers: int) -> list[str]:
    """Return the command that serves a bare Falcon WSGI app with gunicorn's threads."""
    return [*_gunicorn(port, workers), "-k", "gthread", "--threads", "8", "benchmarks.peers:wsgi"]


def _gunicorn(port: int, workers: int) -> list[str]:
    return [
        *[sys.executable, "-m", "gunicorn", "--no-control-socket"],
        *["-b", f"127.0.0.1:{port}", "-w", str(workers)],
    ]


@contextmanager
def serving(settings: str, directory: Path, workers: int = 2) -> Iterator[int]:
    """Serve these settings until the block ends; yield the port."""
    config = directory / "orchestrator.toml"
    config.write_text(settings + '[clouds.fake_driver]\ndriver = "dummy"\n')
    port = free_port()
    with running(ours(port, workers, config), port, config):
        yield port


@contextmanager
def running(
    command: list[str], port: int, body: Path, log: Path = Path(os.devnull)
) -> Iterator[Server]:
    """Run a server until the block ends.

    Args:
        command: the command line.
        port: the port on which it listens.
        body: the file whose bytes the bare apps return.
        log: the file of its log.
    """
    environment = {**os.environ, **CREDENTIALS, "BENCHMARK_BODY": str(body)}
    begun = time.perf_counter()
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, env=environment, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=stream
        )
    try:
        url = f"http://127.0.0.1:{port}{PATH}"
        _wait(url, process)
        yield Server(url, process, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + _PATIENCE
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            fetch(url)
        except urllib.error.HTTPError as error:
            if error.code == 401:  # The server is up and asks for a token.
                return
            time.sleep(0.002)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.002)
        else:
            return
    raise RuntimeError(f"no answer from {url}")


def fetch(url: str) -> bytes:
    """Return the body behind a URL of our server."""
    with urllib.request.urlopen(url, timeout=5) as response:
        content: bytes = response.read()
    return content


def free_port() -> int:
    """Return a free port outside the range that the system gives to clients."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
