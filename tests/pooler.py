"""A real PgBouncer in front of a test's PostgreSQL database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url

from tests.machine import program

_PATIENCE: Final = 20.0

_SETTINGS: Final = """
[databases]
{database} = host={host} port={server_port} user={user} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
logfile = {folder}/log
pidfile = {folder}/pid
{more}
"""


class Pooler:
    """A running PgBouncer.

    Args:
        command: the command line.
        owner: the user as which it runs; None for the user of the tests.
        port: the port on which it listens.
        log: its log file.
    """

    def __init__(self, command: list[str], owner: int | None, port: int, log: Path) -> None:
        self._command = command
        self._owner = owner
        self.port = port
        self._log = log
        self._process = self._started()

    def pause(self) -> None:
        """Make clients wait once their transactions have ended, until :meth:`resume`."""
        self._process.send_signal(signal.SIGUSR1)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGUSR2)

    def restart(self) -> None:
        """Kill it, and start it again at the same port."""
        self._process.kill()
        self._process.wait(_PATIENCE)
        self._log.with_name("pid").unlink(missing_ok=True)
        self._process = self._started()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(_PATIENCE)

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._owner,
        )
        wait_until_up(process, self.port, self._log)
        return process


@contextmanager
def pooled(url: str, mode: str = "transaction", size: int = 2, more: str = "") -> Iterator[str]:
    """Run PgBouncer as :func:`pooler` does; yield only the URL."""
    with pooler(url, mode, size, more) as (through, _):
        yield through


@contextmanager
def pooler(
    url: str, mode: str = "transaction", size: int = 2, more: str = ""
) -> Iterator[tuple[str, Pooler]]:
    """Run PgBouncer with its package's settings except for the pooling; yield its URL and itself.

    Args:
        url: a database whose server listens on a Unix socket.
        mode: ``session``, ``transaction`` or ``statement``.
        size: the number of server sessions that all clients share.
        more: further lines of its settings.
    """
    command = program("pgbouncer")
    direct = make_url(url)
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o777)
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            _SETTINGS.format(
                database=direct.database,
                host=direct.query["host"],
                server_port=direct.port or 5432,
                user=direct.username,
                port=port,
                mode=mode,
                size=size,
                folder=folder,
                more=more,
            )
        )
        # PgBouncer refuses to run as root, and only the server's own user reaches its socket.
        owner = Path(str(direct.query["host"])).stat().st_uid
        user = owner if os.geteuid() == 0 else None
        running = Pooler([command, "-q", str(settings)], user, port, folder / "log")
        through = URL.create(
            direct.drivername, direct.username, None, "127.0.0.1", port, direct.database
        )
        try:
            yield through.render_as_string(hide_password=False), running
        finally:
            running.stop()


def free_port() -> int:
    """Return a port that was free a moment ago: PgBouncer cannot take over an open socket."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        found: int = listening.getsockname()[1]
        return found


def wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends_at = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            said = log.read_text() if log.exists() else ""
            assert process.poll() is None, said
            assert time.monotonic() < ends_at, said
            time.sleep(0.02)
        else:
            return
