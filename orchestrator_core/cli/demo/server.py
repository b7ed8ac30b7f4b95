"""Server of the demo, a child process with settings, database and cloud in a folder of its own."""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from orchestrator_core import faultpoints
from orchestrator_core.cli.demo.client import Client
from orchestrator_core.errors import OrchestratorError

_SETTINGS: Final = """\
default_cloud = "demo"

[server]
workers = 2

[state]
url = "sqlite:///demo.db"
process_timeout = 2      # seconds after which a dead process's operations are taken over

[clouds.demo]
driver = "dummy"
store = "file:cloud.db"
destroy = "own"          # a VM that was not started or adopted here is never destroyed
"""
_PATIENCE: Final = 60.0
"""Seconds until the server has to answer, and until it has to end."""

_PAUSE: Final = 0.05
_LOCAL: Final = "127.0.0.1"
_LOG_LINES: Final = 20
_KILLED: Final = re.compile(r"\(pid:(\d+)\) was sent SIGKILL")
_OK: Final = 200


@contextmanager
def listen(port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens on a port of this machine, 0 for any free one.

    The server inherits it, so that no other program can take the port in between.

    Raises:
        OrchestratorError: The port cannot be used; the message says why, and what to do.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_LOCAL, port))
            listener.listen(128)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another program listens on it" if taken else error.strerror
            raise OrchestratorError(
                f"The port {port} of {_LOCAL} cannot be used: {why}; "
                "pass another one, or --port 0 for any that is free"
            ) from None
        yield listener


class DemoServer:
    """The server, from its first answer until the end of the block.

    Args:
        folder: an empty folder.
        listener: the socket on which the server listens.

    Attributes:
        folder: the folder.
        url: the URL without a path.
    """

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self.folder = folder
        self.url = f"http://{_LOCAL}:{listener.getsockname()[1]}"
        self._listener = listener
        self._log = folder / "server.log"
        self._fuse = folder / "kill-the-next-start"

    def __enter__(self) -> Self:
        """Start the server, and wait until it is ready.

        Raises:
            OrchestratorError: It did not start; the message has the end of its log.
        """
        if not entry_points(group="orchestrator.clouds.v1", name="dummy"):
            raise OrchestratorError(
                "The demo needs the simulated cloud: pip install vm-orchestrator-dummy"
            )
        self._process = self._start()
        try:
            self._await_readiness()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self._stop()

    def kill_next_start(self) -> None:
        """Have the process that carries out the next start killed by SIGKILL.

        It dies after the cloud has made the VM and before its id is recorded.
        """
        self._fuse.touch()

    def killed(self) -> str:
        """Return the process id of the web worker that was killed, once the master has noticed.

        Raises:
            OrchestratorError: No worker was killed.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            found = _KILLED.findall(self._read_log())
            if found:
                return str(found[-1])
            time.sleep(_PAUSE)
        raise OrchestratorError("The demo failed: no web worker was killed")

    def log(self) -> str:
        """Return the last lines of the server's log."""
        return "\n".join(self._read_log().splitlines()[-_LOG_LINES:])

    def wait(self) -> int:
        """Wait until the server ends by itself; return its exit status."""
        return self._process.wait()

    def _read_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _start(self) -> subprocess.Popen[bytes]:
        settings = self.folder / "orchestrator.toml"
        settings.write_text(_SETTINGS, encoding="utf-8")
        own = {k: v for k, v in os.environ.items() if not k.startswith("ORCHESTRATOR")}
        own[faultpoints.VARIABLE] = f"start.answered@{self._fuse}"
        handed = self._listener.fileno()
        serve = ("serve", "--config", str(settings), "--bind", f"fd://{handed}")
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C is for the demo, which stops the server in order.
            return subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "orchestrator_core.cli", *serve],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=own,
                pass_fds=[handed],
                start_new_session=True,
            )

    def _await_readiness(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OrchestratorError(f"The server did not start:\n{self.log()}")
            time.sleep(_PAUSE)

    def _is_ready(self) -> bool:
        try:
            status, _ = Client(self.url, timeout=1.0).send("GET", "/health/ready")
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return status == _OK

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
