"""Authentication: the caller's name, found by the token in the request."""

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
    """A check of a request's token that compares it with all tokens, each in constant time.

    Args:
        settings: the authentication settings; with mode ``none`` every caller is admitted as
            ``anonymous``.
        hosts: the host names that are served with mode ``none`` besides those of this machine.
    """

    def __init__(self, settings: AuthSettings, hosts: Collection[str] = ()) -> None:
        self._open = settings.mode == "none"
        self._hosts = frozenset(host.lower() for host in hosts)
        self._own: set[str] = {"127.0.0.1"}
        # All digests have the same length, so that a comparison reveals nothing of a token's
        # length.
        self._callers = [
            (digest(token.reveal().encode()), name)
            for name, token in sorted(settings.tokens.items())
        ]

    def caller(self, req: falcon.asgi.Request) -> str:
        """Return the caller's name.

        Raises:
            Unauthenticated: when the request has no valid token.
            Forbidden: when no token is required, and the request does not come from this machine.
        """
        if self._open:
            self._check_local(req)
            return ANONYMOUS
        token = token_of(req)
        if not token:
            raise Unauthenticated(
                "A token is needed: Authorization: Bearer TOKEN, or X-Auth-Token: TOKEN"
            )
        given = digest(token.encode("latin-1"))  # the bytes as they were sent
        found = None
        for known, name in self._callers:
            if hmac.compare_digest(given, known):
                found = name
        if found is None:
            raise Unauthenticated("The token is not valid")
        return found

    def _check_local(self, req: falcon.asgi.Request) -> None:
        """Refuse a request from elsewhere while no token is required.

        Under gunicorn the server refuses to listen on a public address. Under other ASGI servers
        only the address of each request can be checked.
        """
        server = req.scope.get("server")
        if server and _is_unix_socket(*server):
            return  # no browser can reach a Unix socket
        check_host(req, self._hosts)
        check_origin(req)
        if server and server[0] not in self._own:
            if is_loopback(server[0]) is False:
                raise Forbidden(
                    "Without authentication, only requests to a loopback address are served; "
                    'set [auth] mode = "token"'
                )
            self._own.add(server[0])


def _is_unix_socket(host: str, port: object) -> bool:
    # ASGI specifies (path, None); gunicorn passes the first two characters of the path.
    return isinstance(port, str) or (port is None and "/" in host)


def token_of(req: falcon.asgi.Request) -> str | None:
    """Return the token of a request; None without one."""
    header = req.get_header("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None
    return req.get_header("X-Auth-Token")


def digest(token: bytes) -> bytes:
    """Return a digest of a token; comparing digests reveals nothing of the token's length."""
    return hashlib.sha256(token).digest()
