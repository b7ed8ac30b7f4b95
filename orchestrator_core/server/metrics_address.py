"""The socket of ``[metrics] bind``, which the master opens once and all its workers inherit.

It is not among gunicorn's listeners: gunicorn closes and binds all of them when one changes, and
takes none of its own when systemd hands it sockets.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from gunicorn import util

from orchestrator_core.api.metrics import own_address
from orchestrator_core.errors import SettingsError
from orchestrator_core.server.listening import Address, AddressRefused
from orchestrator_core.settings.model import Settings

_HANDED: Final = "ORCHESTRATOR_METRICS_SOCKET"
"""The variable in which a master hands the socket to the master that replaces it."""

_BACKLOG: Final = 64
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class MetricsSocket:
    """An open socket.

    Attributes:
        sock: the socket, as gunicorn's workers expect it of a listener.
        wanted: the address as the settings name it.
    """

    sock: socket.socket
    wanted: tuple[str, int]

    def __str__(self) -> str:
        host = self.wanted[0]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.sock.getsockname()[1]}/metrics"


class _Held:
    socket: MetricsSocket | None = None


def held() -> MetricsSocket | None:
    """Return the socket of this server; None if its settings name no address for metrics."""
    return _Held.socket


def prepare(settings: Settings, beside: list[Address]) -> MetricsSocket | None:
    """Return the socket for new settings: the one that is open already, or a new one.

    Args:
        settings: the settings.
        beside: the addresses of the API.

    Raises:
        SettingsError: The address cannot be used; the message says why.
    """
    bind = settings.metrics.bind
    if bind is None or not settings.metrics.enabled:
        return None
    wanted = util.parse_address(bind)
    _check_apart(wanted, beside)
    known = held() or _handed()
    if known is not None and known.wanted == wanted:
        return known
    return _open(wanted)


def try_metrics_address(settings: Settings, beside: list[Address]) -> None:
    """Open the socket of the settings and close it again.

    Raises:
        SettingsError: The address cannot be used; the message says why.
    """
    discard(prepare(settings, beside))


def keep(made: MetricsSocket | None, log: Any) -> None:
    """Use a socket from now on, and close the previous one in this process."""
    before, _Held.socket = _Held.socket, made
    own_address.open_to(None if made is None else made.wanted[0])
    if made is not None and made is not before:
        log.info("Metrics at: %s", made)
    if before is not None and before is not made:
        before.sock.close()


def discard(made: MetricsSocket | None) -> None:
    """Close a socket that is not used after all."""
    if made is not None and made is not held():
        made.sock.close()


def hand_on(environment: dict[str, str]) -> None:
    """Hand the socket to the program that replaces this master; its environment is changed."""
    environment.pop(_HANDED, None)
    known = held()
    if known is not None:
        known.sock.set_inheritable(True)
        host, port = known.wanted
        environment[_HANDED] = f"{known.sock.fileno()} {port} {host}"


def _handed() -> MetricsSocket | None:
    """Return the socket that the previous master has handed to this one."""
    told = os.environ.pop(_HANDED, None)
    if told is None:
        return None
    with suppress(OSError, ValueError):  # a variable that stands there for another reason
        number, port, host = told.split(" ")
        sock = socket.socket(fileno=int(number))
        sock.set_inheritable(False)
        return MetricsSocket(sock, (host, int(port)))
    return None


def _open(wanted: tuple[str, int]) -> MetricsSocket:
    family = socket.AF_INET6 if util.is_ipv6(wanted[0]) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(wanted)
        sock.listen(_BACKLOG)
        sock.settimeout(0.0)
    except OSError as error:
        sock.close()
        raise AddressRefused(wanted, error, "[metrics] bind") from None
    return MetricsSocket(sock, wanted)


def _check_apart(wanted: tuple[str, int], beside: list[Address]) -> None:
    for address in beside:
        if isinstance(address, tuple) and address[1] == wanted[1] != 0:
            hosts = {address[0], wanted[0]}
            if len(hosts) == 1 or hosts & _ANYWHERE:
                raise SettingsError(
                    f"[metrics] bind: port {wanted[1]} is that of [server] bind; name another port"
                )
