"""The check of who may read the metrics."""

from __future__ import annotations

import asyncio
import hmac
from typing import Final

import falcon

from orchestrator_core.api.addresses import UNIX, address_of
from orchestrator_core.api.auth import digest, token_of
from orchestrator_core.api.errors import Unauthenticated
from orchestrator_core.api.failed_logins import FailedLogins
from orchestrator_core.api.local_access import check_host, is_loopback
from orchestrator_core.api.metrics.own_address import SCOPE_KEY, own_host
from orchestrator_core.api.resource import Request
from orchestrator_core.errors import Forbidden
from orchestrator_core.settings.model import Settings

_OF_PROXIES: Final = (
    *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix"),
    *("X-Forwarded-Proto", "X-Real-IP"),
)
"""Headers of requests that a proxy has passed on, from a client that may be anywhere."""


class MetricsAccess:
    """The check of a request for the metrics.

    With a token in ``[metrics]`` every request needs it. Without one, only a client on the same
    machine is served, unless the metrics have an address of their own.

    Args:
        settings: the settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        token = settings.metrics.token
        self._digest = None if token is None else digest(token.reveal().encode())
        self._hosts = frozenset(host.lower() for host in settings.server.hosts)
        self._failed_logins = FailedLogins()

    async def check(self, req: Request) -> None:
        """Check a request.

        Raises:
            HTTPRouteNotFound: when the metrics have an address of their own, which is another one.
            Unauthenticated: when it does not have the token.
            Forbidden: when there is no token, and it does not come from this machine.
        """
        host = own_host()
        is_own = SCOPE_KEY in req.scope
        if host is not None and not is_own:
            raise falcon.HTTPRouteNotFound
        if self._digest is None:
            if not is_own:
                self._check_local(req)
            elif host is not None and is_loopback(host):
                check_host(req, self._hosts)
            return
        given = digest((token_of(req) or "").encode("latin-1"))
        if not hmac.compare_digest(given, self._digest):
            refused = Unauthenticated(
                "The token of [metrics] is needed: Authorization: Bearer TOKEN"
            )
            await asyncio.sleep(self._failed_logins.add(address_of(req), refused.message))
            raise refused

    def _check_local(self, req: Request) -> None:
        address = address_of(req)
        is_passed_on = any(req.get_header(name) is not None for name in _OF_PROXIES)
        if is_passed_on or not (address == UNIX or is_loopback(address)):
            raise Forbidden(
                "Metrics are served on loopback only, and not through a proxy; set [metrics] token "
                "or bind"
            )
        check_host(req, self._hosts)
