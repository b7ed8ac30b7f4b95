"""Where the server may listen without asking its callers who they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator_core.api.local_access import is_loopback
from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.model import Settings


def check_binding(settings: Settings, addresses: Iterable[object]) -> None:
    """Refuse to serve the world without a token.

    Args:
        settings: what is in force.
        addresses: what gunicorn will listen on: ``(host, port)``, a path, or an open
            file descriptor (whose owner answers for it).

    Raises:
        SettingsError: naming the ways out.
    """
    if settings.auth.mode != "none":
        return
    for address in addresses:
        if isinstance(address, tuple) and not _is_own(str(address[0])):
            raise SettingsError(
                f"Refusing to listen on {address[0]}:{address[1]} without authentication: "
                "anyone who can reach it could start and destroy VMs. Ways out: "
                'set [auth] mode = "token" with at least one token in [auth.tokens]; '
                "or listen on 127.0.0.1 (or unix:PATH) behind a proxy that authenticates"
            )


def warn_of_plain_tokens(settings: Settings, addresses: Iterable[object], log: Any) -> None:
    """Warn if tokens travel unencrypted over a network.

    Args:
        settings: what is in force.
        addresses: as for :func:`check_binding`.
        log: gunicorn's.
    """
    if settings.auth.mode == "none" or settings.server.tls is not None:
        return
    for address in addresses:
        if isinstance(address, tuple) and not _is_own(str(address[0])):
            log.warning(
                "Tokens come unencrypted to %s:%s: set [server.tls], or let a proxy with TLS "
                "listen there and this server on 127.0.0.1",
                *address,
            )


def _is_own(host: str) -> bool:
    # Other names are looked up only when the socket is made: who knows what they mean then.
    return host == "localhost" or bool(is_loopback(host))
