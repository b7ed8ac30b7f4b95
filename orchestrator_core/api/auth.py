"""Who is calling: the caller's name by the token that came with the request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection

import falcon.asgi

from orchestrator_core.api.errors import Unauthenticated
from orchestrator_core.api.local_access import check_host, check_origin, is_loopback
from orchestrator_core.errors import Forbidden
from orchestrator_core.settings.model import AuthSettings

ANONYMOUS = "anonymous"


class Authenticator:
    """Compares tokens in constant time, all of them each time.

    Args:
        settings: with mode ``none`` every caller is let in as ``anonymous``.
        hosts: with mode ``none`` the names that are served beside those of this machine.
    """

    def __init__(self, settings: AuthSettings, hosts: Collection[str] = ()) -> None:
        self._open = settings.mode == "none"
        self._hosts = frozenset(host.lower() for host in hosts)
        self._own: set[str] = {"127.0.0.1"}
        # Digests have one length, so that a comparison tells nothing of the token's.
        self._callers = [
            (_digest(token.reveal().encode()), name)
            for name, token in sorted(settings.tokens.items())
        ]

    def caller(self, req: falcon.asgi.Request) -> str:
        """Return the caller's name.

        Raises:
            Unauthenticated: when no valid token came along.
            Forbidden: when none is asked for, and the request is not one of this machine.
        """
        if self._open:
            self._check_local(req)
            return ANONYMOUS
        token = _token(req)
        if not token:
            raise Unauthenticated(
                "A token is needed: Authorization: Bearer TOKEN, or X-Auth-Token: TOKEN"
            )
        given = _digest(token.encode("latin-1"))  # as the bytes came
        found = None
        for digest, name in self._callers:
            if hmac.compare_digest(given, digest):
                found = name
        if found is None:
            raise Unauthenticated("The token is not valid")
        return found

    def _check_local(self, req: falcon.asgi.Request) -> None:
        """Gunicorn is kept from listening openly; other ASGI servers can only be watched."""
        server = req.scope.get("server")
        if server and _is_unix_socket(*server):
            return  # which no browser reaches
        check_host(req, self._hosts)
        check_origin(req)
        if server and server[0] not in self._own:
            if is_loopback(server[0]) is False:
                raise Forbidden(
                    "Without authentication only requests to a loopback address are served; "
                    'set [auth] mode = "token"'
                )
            self._own.add(server[0])


def _is_unix_socket(host: str, port: object) -> bool:
    # ASGI says (path, None); gunicorn gives the first two characters of the path.
    return isinstance(port, str) or (port is None and "/" in host)


def _token(req: falcon.asgi.Request) -> str | None:
    header = req.get_header("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None
    return req.get_header("X-Auth-Token")


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
