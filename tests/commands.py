"""The command ``orchestrator``, as tests run it.

A command is forked from a process that has imported Orchestrator already (``fork_server.py``),
which takes a third of the CPU time. It runs in a new interpreter where the difference could show:
with other variables that the interpreter itself reads, in another locale, and with other versions
of imported modules. A test that needs a new interpreter in any case starts :data:`NEW_INTERPRETER`.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, Protocol

COMMAND: Final = (sys.executable, "-m", "orchestrator_core.cli")
"""The command ``orchestrator``; arguments follow."""

NEW_INTERPRETER: Final = ("env", *COMMAND)
"""The command ``orchestrator`` in a new interpreter, whatever its environment."""

SPARE: Final = "spare"
"""The name of the process beside a forked server that forks further processes for it."""

IS_MEASURED: Final = "COVERAGE_PROCESS_CONFIG" in os.environ
"""True while coverage.py measures the commands, each of which then writes a file of its own."""

_OF_INTERPRETERS: Final = ("PYTHON", "LANG", "LC_")
"""Variables that an interpreter reads at its start."""

_LIMITS: Final = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
"""Limits that a test may set for its commands."""

_OF_FORK_SERVER: Final = (
    "orchestrator_audit",
    "orchestrator_cistern",
    "orchestrator_core",
    "orchestrator_dummy",
    "orchestrator_libcloud",
    "orchestrator_policy",
    "libcloud",
    "psycopg",
    "sitecustomize",
)
"""Modules that a folder of ``PYTHONPATH`` cannot replace in a forked command."""


class Running(Protocol):
    """The methods of :class:`subprocess.Popen` that tests use."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Forked:
    """A forked command.

    Args:
        command: the command line, for messages.
        status: the socket on which the fork server sends its pid and its exit status.
    """

    def __init__(self, command: Sequence[str], status: socket.socket) -> None:
        self._command = command
        self._status = status
        self.pid = int(status.recv(32))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the command runs."""
        if self.returncode is None and self._is_told(0):
            self.returncode = int(self._status.recv(32))
            self._status.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not self._is_told(timeout):
            assert timeout is not None
            raise subprocess.TimeoutExpired(list(self._command), timeout)
        found = self.poll()
        assert found is not None
        return found

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _is_told(self, timeout: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._status, select.POLLIN)
        return bool(waiting.poll(None if timeout is None else timeout * 1000))


@cache
def _fork_server() -> socket.socket:
    """Start the fork server of this process; return the socket for requests."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def stop() -> None:
        ours.close()
        server.wait()

    atexit.register(stop)
    return ours


def start(  # noqa: PLR0913 - what a process needs, as in subprocess.Popen
    command: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    cwd: Path | None = None,
    *,
    new_session: bool = False,
    as_root: bool = True,
) -> Running:
    """Start a command; fork it if it begins with :data:`COMMAND`.

    Args:
        command: the program and its arguments.
        environment: all its variables.
        streams: the descriptors of its standard input, output and error.
        cwd: its working directory; by default the one of this process.
        new_session: whether it leads a session and a process group of its own.
        as_root: whether a forked command of root keeps root's capabilities.
    """
    if tuple(command[: len(COMMAND)]) != COMMAND or _needs_new_interpreter(environment):
        assert as_root, "a new interpreter keeps its capabilities"
        stdin, stdout, stderr = streams
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd=cwd,
            start_new_session=new_session,
        )
    request: dict[str, Any] = {
        "arguments": list(command[len(COMMAND) :]),
        "environment": dict(environment),
        "cwd": os.fspath(Path.cwd() if cwd is None else cwd.absolute()),
        "new_session": new_session,
        "as_root": as_root,
        "umask": _umask(),
        "limits": [(limit, resource.getrlimit(limit)) for limit in _LIMITS],
        "spare": SPARE if "serve" in command else "",
    }
    # Of two messages in a stream, the first read could return both.
    status, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        socket.send_fds(_fork_server(), [json.dumps(request).encode()], [*streams, its.fileno()])
    return Forked(command, status)


def run(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    typed: str = "",
    timeout: float = 60.0,
    as_root: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run ``orchestrator ARGUMENTS`` to its end; return its output and status.

    Args:
        arguments: the command's arguments.
        environment: all its variables; by default those of this process, without the project's.
        cwd: its working directory; by default the one of this process.
        typed: its standard input.
        timeout: seconds.
        as_root: whether a command of root keeps root's capabilities; without them, permissions
            apply to it as to any user.
    """
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(typed.encode())
        stdin.seek(0)
        command = (*COMMAND, *arguments)
        streams = (stdin.fileno(), stdout.fileno(), stderr.fileno())
        variables = environment_without_ours() if environment is None else environment
        process = start(command, variables, streams, cwd, as_root=as_root)
        try:
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(command, status, _text(stdout), _text(stderr))


def environment_without_ours() -> dict[str, str]:
    """Return the variables of this process without the project's."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ORCHESTRATOR")}


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def _needs_new_interpreter(environment: Mapping[str, str]) -> bool:
    """Return whether a forked command could differ from one in a new interpreter."""
    names = [name for name in (*environment, *os.environ) if name.startswith(_OF_INTERPRETERS)]
    changed = {name for name in names if environment.get(name) != os.environ.get(name)}
    if changed != {"PYTHONPATH"}:
        return bool(changed)
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    return any(_replaces_modules(Path(folder)) for folder in folders if folder not in sys.path)


def _replaces_modules(folder: Path) -> bool:
    """Return whether a folder has other versions of modules that the fork server has imported."""
    names = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    return any(name.startswith(_OF_FORK_SERVER) for name in names)
