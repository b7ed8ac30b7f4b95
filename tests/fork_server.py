"""A process that has imported Orchestrator and forks ``orchestrator`` commands.

The server of a test imports for longer than it runs: 0.6 of the 0.9 CPU seconds of a start and a
stop are imports. This process imports once and forks for each command, as Android's zygote does.
A forked command differs from ``python -m orchestrator_core.cli`` only in what is imported before
it begins; ``tests/commands.py`` starts a new interpreter where this matters.

A forked server keeps a spare process, which becomes its first durable worker: a process that was
forked before the server ran any code. Each later durable worker starts as on a real machine.

Run as ``python fork_server.py DESCRIPTOR``, with a socket for requests. This file imports nothing
of ``tests``, because its modules remain in every forked command.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import mimetypes
import os
import resource
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import IO, Any, Final

from gunicorn import arbiter

from orchestrator_core import faultpoints
from orchestrator_core.server import supervisor

PROGRAM: Final = "orchestrator_core.cli"
"""The start of a forked command, equal to that of ``python -m``."""

_MODULES: Final = (
    "alembic.command",
    "alembic.script",
    "encodings.ascii",
    "encodings.utf_8_sig",
    "gunicorn.instrument.statsd",
    "libcloud.compute.providers",
    "msgpack",
    "orchestrator_audit",
    "orchestrator_cistern.client",
    "orchestrator_core.app",
    "orchestrator_core.backends.given",
    "orchestrator_core.broker.build",
    "orchestrator_core.broker.durable",
    "orchestrator_core.broker.worker",
    "orchestrator_core.cli.check",
    "orchestrator_core.cli.main",
    "orchestrator_core.cli.operations",
    "orchestrator_core.cli.serve",
    "orchestrator_core.cli.worker",
    "orchestrator_core.metrics.recording",
    "orchestrator_core.server.durable",
    "orchestrator_core.server.gunicorn",
    "orchestrator_core.server.logger",
    "orchestrator_core.server.serve",
    "orchestrator_core.server.worker",
    "orchestrator_core.state.catalog",
    "orchestrator_core.state.plugin_state",
    "orchestrator_core.state.plugin_upgrade",
    "orchestrator_core.state.postgresql",
    "orchestrator_core.state.same_database",
    "orchestrator_core.state.upgrade",
    "orchestrator_dummy",
    "orchestrator_libcloud",
    "orchestrator_policy.quota",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
"""Modules that servers, durable workers and commands import; ``msgpack`` is Falcon's."""
_LOOK: Final = 0.01
_MOST_BYTES: Final = 1 << 17
_FIRST_DESCRIPTOR: Final = 3
_MOST_DESCRIPTORS: Final = 1 << 16

_PR_CAPBSET_DROP: Final = 24
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITIES: Final = 64
"""The most capabilities of this version; the kernel refuses those that it does not know."""


class ForkServer:
    """A server that forks commands and sends their pids and exit statuses.

    Args:
        requests: a socket of messages. Each is a command in JSON, with four descriptors: standard
            input, output and error, and a socket on which the pid and the status are sent.
    """

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any] | None:
        """Fork until the client closes its end.

        Returns:
            The command, in a forked process; None in this process, when it must end.
        """
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._requests:
                    self._tell_end(key)
                elif (command := self._fork()) is not None:
                    return command or None

    def _fork(self) -> dict[str, Any] | None:
        """Return the command in the child, None in the parent, and {} at the end."""
        message, descriptors, _, _ = socket.recv_fds(self._requests, _MOST_BYTES, 4)
        if not message:
            return {}
        command: dict[str, Any] = json.loads(message)
        pid = os.fork()
        if not pid:
            self._close()
            for number, descriptor in enumerate(descriptors[:3]):
                os.dup2(descriptor, number)
            # Every other descriptor belongs to this server or to other commands.
            os.closerange(_FIRST_DESCRIPTOR, _MOST_DESCRIPTORS)
            return command
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        status = socket.socket(fileno=descriptors[3])
        status.send(str(pid).encode())
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
        return None

    def _close(self) -> None:
        """Close what a forked command inherits as an object.

        The selector is part of a reference cycle. If only its descriptor were closed, the
        collector would later close whatever the command has opened under the same number.
        """
        for key in self._selector.get_map().values():
            if key.data is not None:
                key.data[1].close()
        self._selector.close()
        self._requests.close()

    def _tell_end(self, key: selectors.SelectorKey) -> None:
        pid, status = key.data
        _, ended = os.waitpid(pid, 0)
        self._selector.unregister(key.fileobj)
        os.close(key.fd)
        with status:
            status.send(str(os.waitstatus_to_exitcode(ended)).encode(), socket.MSG_NOSIGNAL)


class Spare:
    """A process that waits to become the first durable worker of the server that forked it.

    It is the server's child and has the methods of :class:`subprocess.Popen` that the supervisor
    uses.

    Args:
        pid: the process.
        requests: a socket of one message, the command in JSON with its standard input.
    """

    def __init__(self, pid: int, requests: socket.socket) -> None:
        self.pid = pid
        self._requests = requests
        self._is_used = False
        self._status: int | None = None

    def popen(self, command: list[str], stdin: IO[bytes]) -> Spare | subprocess.Popen[bytes]:
        """Start a durable worker; from the second on, in a new interpreter."""
        if self._is_used or command[:3] != [sys.executable, "-m", PROGRAM]:
            return subprocess.Popen(command, stdin=stdin)
        self._is_used = True
        request = {
            "arguments": command[3:],
            "environment": dict(os.environ),
            "cwd": os.getcwd(),  # noqa: PTH109 - JSON takes no Path
        }
        with self._requests:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [stdin.fileno()])
        return self

    def poll(self) -> int | None:
        if self._status is None:
            try:
                pid, ended = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # The master has reaped it, as it reaps every child.
                pid, ended = self.pid, 0
            if pid:
                self._status = os.waitstatus_to_exitcode(ended)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        ends_at = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if ends_at is not None and time.monotonic() > ends_at:
                raise subprocess.TimeoutExpired(PROGRAM, timeout or 0.0)
            time.sleep(0.01)
        return status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _fork_spare() -> dict[str, Any] | None:
    """Fork a spare for this server.

    Returns:
        The durable worker's command, in the spare when the server starts it; None in the server.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        its.close()
        vars(supervisor)["subprocess"] = SimpleNamespace(
            Popen=Spare(pid, ours).popen, TimeoutExpired=subprocess.TimeoutExpired
        )
        return None
    ours.close()
    with its:
        message, descriptors, _, _ = socket.recv_fds(its, _MOST_BYTES, 1)
    if not message:  # The server has ended.
        os._exit(0)
    os.dup2(descriptors[0], 0)
    os.close(descriptors[0])
    command: dict[str, Any] = json.loads(message)
    return command


def _hasten_gunicorn() -> None:
    """Let gunicorn's master look every 10 ms whether its workers have ended.

    It sleeps 100 ms between two looks, three times for each stop of a server, and does nothing
    meanwhile: a suite that stops hundreds of servers would wait minutes for it.
    """
    hastened = {**vars(time), "sleep": lambda seconds: time.sleep(min(seconds, _LOOK))}
    vars(arbiter)["time"] = SimpleNamespace(**hastened)


def _prepare(command: dict[str, Any]) -> None:
    """Make this process equal to a new interpreter for the command."""
    if command.get("new_session"):
        os.setsid()
    if not command.get("as_root", True):
        _drop_capabilities()
    os.chdir(command["cwd"])
    if "umask" in command:
        os.umask(command["umask"])
    for limit, pair in command.get("limits", ()):
        resource.setrlimit(limit, tuple(pair))
    os.environ.clear()
    os.environ.update(command["environment"])
    time.tzset()
    importlib.invalidate_caches()
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [folder for folder in folders if folder and folder not in sys.path]
    sys.path[:1] = [command["cwd"], *others]  # as `python -m` does
    importlib.reload(faultpoints)  # The module reads its variable when it is imported.
    sys.argv[:] = [PROGRAM, *command["arguments"]]


def _drop_capabilities() -> None:
    """Drop root's capabilities, as ``setpriv --bounding-set=-all`` does for a new program.

    Raises:
        OSError: when the kernel refuses it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid():
        return
    for capability in range(_CAPABILITIES):  # A program that the command executes has none either.
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _run() -> int:
    """Run the command; return its exit status."""
    try:
        runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
        return 1
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(status: int) -> None:
    """End this process as an interpreter does, but leave its memory to the system.

    Freeing all modules that were imported before the fork takes longer than most commands.
    """
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as at every end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = 120  # an interpreter's exit status when its output is closed
        except ValueError:  # The command has closed it.
            pass
    os._exit(status & 0xFF)


if __name__ == "__main__":
    for _name in _MODULES:
        importlib.import_module(_name)
    mimetypes.init()  # Falcon does so for each application, from a file of the system.
    _hasten_gunicorn()
    gc.collect()
    gc.freeze()
    # A forked command keeps the server's objects: it has closed their descriptors, and their
    # finalizers would close the same numbers again, which the command has reused by then.
    _server = ForkServer(socket.socket(fileno=int(sys.argv[1])))
    _command = _server.serve()
    if _command is not None:
        _prepare(_command)
        if _command["spare"] and (_worker := _fork_spare()):
            _prepare(_worker)
        _end(_run())
