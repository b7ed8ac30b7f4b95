"""A process that has imported Orchestrator and forks ``orchestrator`` commands.

The server of a test imports for longer than it runs: 0.6 of the 0.9 CPU seconds of a start and a
stop are imports. This process imports once and forks for each command, as Android's zygote does.
A forked command differs from ``python -m orchestrator_core.cli`` only in what is imported before
it begins; ``tests/commands.py`` starts a new interpreter where this matters.

A forked server keeps a spare: a process that was forked before the server ran any code, and forks
the durable workers and the trials of new settings that the server would start.

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
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Final

from gunicorn import arbiter

from orchestrator_core import faultpoints
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.server import supervisor, trial
from orchestrator_core.settings.model import PluginSettings

PROGRAM: Final = "orchestrator_core.cli"
"""The start of a forked command, equal to that of ``python -m``."""

_COMMAND: Final = [sys.executable, "-m", PROGRAM]
_NAME: Final = Path("/proc/self/comm").read_text()
_PIPES: Final = slice(9, 15)
"""The pipes among the arguments of ``subprocess.Popen._execute_child``, in pairs of reader and
writer."""

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
_MOMENT: Final = 0.001
_MOST_BYTES: Final = 1 << 17
_FIRST_DESCRIPTOR: Final = 3
_MOST_DESCRIPTORS: Final = 1 << 16

_PR_CAPBSET_DROP: Final = 24
_PR_SET_CHILD_SUBREAPER: Final = 36
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
            _take(descriptors[:3])
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


class Spared(subprocess.Popen[Any]):
    """A process that the spare of this server forks, where a new interpreter would be started."""

    spare: ClassVar[socket.socket]
    """The socket of requests to the spare."""

    def _execute_child(self, args: list[str], *others: Any) -> None:
        if args[: len(_COMMAND)] != _COMMAND:
            super()._execute_child(args, *others)  # type: ignore[misc] # not in typeshed
            return
        pipes: tuple[int, ...] = others[_PIPES]
        request = {
            "arguments": args[len(_COMMAND) :],
            "environment": dict(os.environ),
            "cwd": os.getcwd(),  # noqa: PTH109 - JSON takes no Path
        }
        ends = (pipes[0], pipes[3], pipes[5])
        streams = [end if end >= 0 else number for number, end in enumerate(ends)]
        _adopt_orphans(wanted=True)
        socket.send_fds(self.spare, [json.dumps(request).encode()], streams)
        self.pid = int(self.spare.recv(_MOST_BYTES))
        _adopt_orphans(wanted=False)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined] # not in typeshed


def _adopt_orphans(*, wanted: bool) -> None:
    """Set whether this process becomes the parent of a descendant whose own parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def _fork_spare(name: str) -> dict[str, Any] | None:
    """Fork a spare for this server, which forks processes for the server until that ends.

    Args:
        name: the spare's name in ``/proc/PID/comm``.

    Returns:
        The command of a process that the spare has forked, in that process; None in the server.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        its.close()
        Spared.spare = ours
        for module in (supervisor, trial):
            vars(module)["subprocess"] = SimpleNamespace(**{**vars(subprocess), "Popen": Spared})
        return None
    ours.close()
    Path("/proc/self/comm").write_text(name)
    while True:
        message, descriptors, _, _ = socket.recv_fds(its, _MOST_BYTES, 3)
        if not message:  # The server has ended.
            os._exit(0)
        if _fork_sibling():
            its.send(str(os.getpid()).encode())
            its.close()
            _take(descriptors)
            command: dict[str, Any] = json.loads(message)
            return command
        for descriptor in descriptors:
            os.close(descriptor)


def _fork_sibling() -> bool:
    """Fork a process whose parent is this process's parent; return whether this is the new one."""
    if child := os.fork():
        os.waitpid(child, 0)
        return False
    between = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == between:
        time.sleep(_MOMENT)
    Path("/proc/self/comm").write_text(_NAME)
    return True


def _take(descriptors: list[int]) -> None:
    """Make these the standard streams, and close every other descriptor.

    The others belong to this process's parent, or to other commands.
    """
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(_FIRST_DESCRIPTOR, _MOST_DESCRIPTORS)


def _fill_caches() -> None:
    """Fill caches that depend on nothing but the installation, which each server would fill."""
    mimetypes.init()  # Falcon does so for each application, from a file of the system.
    load_plugins(PluginSettings())


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
    _set_environment(command["environment"])
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [folder for folder in folders if folder and folder not in sys.path]
    sys.path[:1] = [command["cwd"], *others]  # as `python -m` does
    if faultpoints.VARIABLE in os.environ:  # The module reads it when it is imported.
        importlib.reload(faultpoints)
    sys.argv[:] = [PROGRAM, *command["arguments"]]


def _set_environment(wanted: dict[str, str]) -> None:
    """Make these all variables, and touch only those that differ: each page touched is copied."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items() - os.environ.items():
        os.environ[name] = value
    time.tzset()


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
    _fill_caches()
    _hasten_gunicorn()
    importlib.invalidate_caches()  # not in each command, where it would copy memory
    gc.collect()
    gc.freeze()
    # A forked command keeps the server's objects: it has closed their descriptors, and their
    # finalizers would close the same numbers again, which the command has reused by then.
    _server = ForkServer(socket.socket(fileno=int(sys.argv[1])))
    _command = _server.serve()
    if _command is not None:
        _prepare(_command)
        if _command["spare"] and (_spared := _fork_spare(_command["spare"])):
            _prepare(_spared)
        _end(_run())
