"""A real PgBouncer in front of a test's PostgreSQL database."""

from __future__ import annotations

import os
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


@contextmanager
def pooled(url: str, mode: str = "transaction", size: int = 2, more: str = "") -> Iterator[str]:
    """Run PgBouncer as its package comes, save what it pools; yield the URL of the same database.

    Args:
        url: of a database whose server listens on a Unix socket.
        mode: ``session``, ``transaction`` or ``statement``.
        size: how many of the server's sessions all clients share.
        more: further lines of its settings.
    """
    command = program("pgbouncer")
    direct = make_url(url)
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder, port = Path(name), _free_port()
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
        # PgBouncer does not run as root, and only the server's own user reaches its socket.
        owner = Path(str(direct.query["host"])).stat().st_uid
        process = subprocess.Popen(
            [command, "-q", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=owner if os.geteuid() == 0 else None,
        )
        try:
            _wait_until_up(process, port, folder / "log")
            pooler = URL.create(
                direct.drivername, direct.username, None, "127.0.0.1", port, direct.database
            )
            yield pooler.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _free_port() -> int:
    """Return a port that was free a moment ago: PgBouncer takes no socket that is open already."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        found: int = listening.getsockname()[1]
        return found


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
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
