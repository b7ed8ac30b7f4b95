"""A real server on loopback for every test that asks for one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests import loopback
from tests.commands import COMMAND, SPARE, environment_without_ours, start
from tests.databases import (
    database,
    database_url,
    postgres,
    postgres_database,
    postgres_with_tables,
    sqlite,
)
from tests.wheels import wheels

__all__ = [
    "database",
    "database_url",
    "environment_without_ours",
    "postgres",
    "postgres_database",
    "postgres_with_tables",
    "sqlite",
    "wheels",
]

# Where Python is configured to write no bytecode, each server and command that a test starts would
# compile the whole core again, which is a quarter of its start time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

OPS_TOKEN = "3f9c1d2e4b5a69788796a5b4c3d2e1f0"  # long enough: the server refuses weak tokens

_ADDRESS = re.compile(r"Listening at: (?:http://(\S+)|unix:(\S+)) ")
_DURABLE = re.compile(r"Durable worker started with pid: (\d+)")
_PATIENCE = 20.0

DUMMY = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
"""


class Server:
    """One running ``orchestrator serve``.

    Attributes:
        url: ``http://127.0.0.1:PORT``.
        process: gunicorn's master.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        environment: dict[str, str],
        cwd: Path | None = None,
    ) -> None:
        self.log_file = log
        with log.open("wb") as stream, Path(os.devnull).open("rb") as nothing:
            self.process = start(
                command,
                environment,
                (nothing.fileno(), stream.fileno(), stream.fileno()),
                cwd,
                new_session=True,
            )
        self.url = ""

    def wait_until_up(self, workers: int) -> Server:
        found = self.wait_for_log(_ADDRESS)
        self.url = f"http://{found.group(1)}"
        self.wait_for_log("ASGI server listening", count=workers)
        return self

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_for_log(self, pattern: re.Pattern[str] | str, count: int = 1) -> re.Match[str]:
        """Wait until the pattern stands in the log ``count`` times."""
        ends_at = time.monotonic() + _PATIENCE
        while time.monotonic() < ends_at:
            found = list(re.finditer(pattern, self.log()))
            if len(found) >= count:
                return found[count - 1]
            if self.process.poll() is not None and len(found) == len(
                re.findall(pattern, self.log())
            ):
                break
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} not seen in:\n{self.log()}")

    def workers(self) -> list[int]:
        """Return the processes that the master has started, durable workers too."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split() if _name(pid) != f"{SPARE}\n"]

    def durable_workers(self) -> list[int]:
        """Return the durable workers among the master's processes."""
        started = {int(pid) for pid in re.findall(_DURABLE, self.log())}
        return [pid for pid in self.workers() if pid in started]

    def wait_for_new_workers(self, old: list[int]) -> None:
        """Wait until none of the old workers is left."""
        ends_at = time.monotonic() + _PATIENCE
        while set(old) & set(self.workers()):
            assert time.monotonic() < ends_at, self.log()
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """End the server and all of its processes; return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise


def _name(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:  # It has ended.
        return ""


Serve = Callable[..., Server]


def serve_command(config: Path, bind: str = "127.0.0.1:0", workers: int = 1) -> list[str]:
    return [*COMMAND, "serve", "--config", str(config), "--bind", bind, "--workers", str(workers)]


@pytest.fixture
def clean_environment() -> dict[str, str]:
    """Return the environment without any setting of ours."""
    return environment_without_ours()


@pytest.fixture
def serve(tmp_path: Path, clean_environment: dict[str, str]) -> Iterator[Serve]:
    """Return ``serve(toml, workers=1, environment={})``; the servers end with the test."""
    servers: list[Server] = []

    def start(
        toml: str = DUMMY,
        *,
        workers: int = 1,
        bind: str = "127.0.0.1:0",
        environment: dict[str, str] | None = None,
        up: bool = True,
    ) -> Server:
        config = tmp_path / "orchestrator.toml"
        config.write_text(toml, encoding="utf-8")
        command = serve_command(config, bind, workers)
        log = tmp_path / f"server-{len(servers)}.log"
        server = Server(command, log, {**clean_environment, **(environment or {})})
        servers.append(server)
        return server.wait_until_up(workers) if up else server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client(serve: Serve) -> Iterator[httpx2.Client]:
    """Return a client of a fresh server with the dummy cloud; paths begin after ``/api/v1``."""
    with loopback.client(f"{serve().url}/api/v1") as http:
        yield http


@contextmanager
def running(
    toml: str,
    directory: Path,
    environment: dict[str, str] | None = None,
    workers: int = 1,
    bind: str = "127.0.0.1:0",
) -> Iterator[Server]:
    """Run one server for a whole file of tests that do not disturb each other."""
    config = directory / "orchestrator.toml"
    config.write_text(toml)
    variables = {**environment_without_ours(), **(environment or {})}
    server = Server(serve_command(config, bind, workers), directory / "log", variables)
    try:
        yield server.wait_until_up(workers)
    finally:
        server.stop()
    assert "Traceback" not in server.log()


@pytest.fixture(scope="session")
def silent_port() -> Iterator[int]:
    """Return a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="session")
def closed_port() -> Iterator[int]:
    """Return a closed port that no other program can take."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def ec2(name: str, port: int, more: str = "") -> str:
    """Return the settings of a cloud that real Libcloud reaches at a port of this machine."""
    return f"""
[clouds.{name}]
driver = "libcloud"
provider = "ec2"
key = "k"
secret = "env:HOME"
host = "127.0.0.1"
port = {port}
secure = false
{more}
"""


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as the server does."""
    return "asyncio"
