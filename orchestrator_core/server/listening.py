"""The addresses that gunicorn would listen on with new settings, and a trial of each."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gunicorn import util

from orchestrator_core.errors import SettingsError
from orchestrator_core.server.holder import Holder, holder_of
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.settings.model import Settings

_NOT_A_SOCKET: Final = "there is a file that is not a socket; remove it, or name another path"

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
            raise AddressRefused(address, error) from None


def are_handed() -> bool:
    """Return whether gunicorn takes open sockets of systemd, or of the server it replaces."""
    by_systemd = os.environ.get("LISTEN_PID") == str(os.getpid()) and "LISTEN_FDS" in os.environ
    return by_systemd or "GUNICORN_FD" in os.environ


class AddressRefused(SettingsError):
    """An address on which this process cannot listen; the message says why and what to do.

    Args:
        address: the address.
        error: the error of the attempt.
        key: the setting that names the address.

    Attributes:
        in_use: whether another process listens there.
        holder: that process, if it can be known.
    """

    def __init__(
        self, address: tuple[str, int] | str, error: OSError, key: str = "[server] bind"
    ) -> None:
        self.in_use = error.errno == errno.EADDRINUSE
        self.holder = holder_of(address) if self.in_use else None
        shown = f"unix:{address}" if isinstance(address, str) else "{}:{}".format(*address)
        why = _why(address, error, self.holder)
        super().__init__(f"{key}: cannot listen on {shown}: {why}")


def _why(address: tuple[str, int] | str, error: OSError, holder: Holder | None) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{holder or 'another process'} listens there; stop it, or name another address"
    return (
        _why_path(Path(address), error) if isinstance(address, str) else _why_port(*address, error)
    )


def _why_path(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"there is no folder {path.parent}; make it, or name a socket in another one"
    if error.errno in (errno.EACCES, errno.EPERM):
        return why_unusable(path.parent, error, os.W_OK)
    return error.strerror or str(error)  # a path that is too long has no number


def _why_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host} is not an address of this machine; name one that `ip address` shows, "
            "127.0.0.1 for this machine alone, or 0.0.0.0 for all its addresses"
        )
    if error.errno == errno.EACCES:
        return (
            f"only root, or a process with CAP_NET_BIND_SERVICE, may use port {port}; name a port "
            "from 1024 on, behind a proxy that listens here"
        )
    if isinstance(error, socket.gaierror):
        return f"there is no host {host!r} ({error.strerror}); name an address of this machine"
    return error.strerror or str(error)


def _try_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if util.is_ipv6(host) else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((host, port))


def _try_path(path: Path) -> None:
    """Bind a name beside the path, because gunicorn replaces a socket left at the path."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder")
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, _NOT_A_SOCKET)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as trial:
        try:
            trial.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        else:
            raise OSError(errno.EADDRINUSE, "another process listens at this path")
    beside = path.with_name(f"{path.name}~")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as trial:
        trial.bind(str(beside))
        beside.unlink()
