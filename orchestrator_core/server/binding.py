"""The check of the addresses on which the server listens without authentication."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator_core.api.local_access import is_loopback
from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.model import Settings


def check_binding(settings: Settings, addresses: Iterable[object]) -> None:
    """Refuse to listen on a public address without authentication.

    Args:
        settings: the settings in force.
        addresses: the addresses that gunicorn will listen on, each as ``(host, port)``, a path, or
            an open file descriptor (whose owner is responsible for it).

    Raises:
        SettingsError: when an address is public; the message says how to allow it.
    """
    if settings.auth.mode != "none":
        return
    for address in addresses:
        if isinstance(address, tuple) and not _is_own(str(address[0])):
            raise SettingsError(
                f"Refusing to listen on {address[0]}:{address[1]} without authentication: "
                "every client that can reach it could start and destroy VMs. Either "
                'set [auth] mode = "token" with at least one token in [auth.tokens], '
                "or listen on 127.0.0.1 (or unix:PATH) behind a proxy that authenticates"
            )


def warn_of_plain_tokens(settings: Settings, addresses: Iterable[object], log: Any) -> None:
    """Warn if tokens are sent unencrypted over a network.

    Args:
        settings: the settings in force.
        addresses: the same as for :func:`check_binding`.
        log: gunicorn's logger.
    """
    if settings.auth.mode == "none" or settings.server.tls is not None:
        return
    for address in addresses:
        if isinstance(address, tuple) and not _is_own(str(address[0])):
            log.warning(
                "Tokens arrive unencrypted at %s:%s: set [server.tls], or listen on 127.0.0.1 "
                "behind a proxy with TLS",
                *address,
            )


def _is_own(host: str) -> bool:
    # Other names are resolved only when the socket is made, and may have another address by then.
    return host == "localhost" or bool(is_loopback(host))
