"""The addresses that gunicorn would listen on with new settings, and a trial of each."""

from __future__ import annotations

import socket
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from gunicorn import util

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.model import Settings

Address = tuple[str, int] | str | int
"""An address in gunicorn's form: ``(host, port)``, a Unix socket's path, or a file descriptor."""


def addresses_after(config: Any, old: Settings, new: Settings) -> list[Address]:
    """Return the addresses after a reload.

    Args:
        config: gunicorn's configuration in force.
        old: the settings in force.
        new: the settings to use from now on.
    """
    if list(config.bind) != [old.server.bind]:
        return list(config.address)  # the command line names another address, which stays
    return [util.parse_address(util.bytes_to_str(new.server.bind))]


def try_addresses(wanted: Sequence[Address], held: Sequence[Address]) -> None:
    """Bind each address that this server does not listen on yet, and release it again.

    Gunicorn closes the old addresses before it binds the new ones, and ends if it cannot bind them.

    Raises:
        SettingsError: naming the address that cannot be bound, and the reason.
    """
    for address in wanted:
        if address in held or isinstance(address, int):
            continue
        try:
            _try_path(Path(address)) if isinstance(address, str) else _try_port(*address)
        except OSError as error:
            shown = f"unix:{address}" if isinstance(address, str) else "{}:{}".format(*address)
            raise SettingsError(
                f"[server] bind: cannot listen on {shown}: {error.strerror or error}"
            ) from None


def _try_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if util.is_ipv6(host) else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((host, port))


def _try_path(path: Path) -> None:
    """Bind a name beside the path, because gunicorn replaces a socket left at the path."""
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(None, "there is a file that is not a socket")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as trial:
        try:
            trial.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        else:
            raise FileExistsError(None, "another process listens at this path")
    beside = path.with_name(f"{path.name}~")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as trial:
        trial.bind(str(beside))
        beside.unlink()
